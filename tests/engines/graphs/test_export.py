"""The ONNX graphs, run by a third program, against PyTorch."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from engines import Engine, Frame
from engines.graphs.export import core, with_glue
from engines.networks import QUN
from engines.networks.fold import fold
from engines.weights import FOLDER


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_the_three_graphs_in_onnx_runtime(torch_engine: Engine, portrait: Frame) -> None:
    frame = np.ascontiguousarray(portrait[:301, :211])
    image, coarse = session(FOLDER / "mpn.onnx").run(["image", "coarse"], {"frame": frame})
    (unified,) = session(FOLDER / "qun.onnx").run(["unified"], {"image": image, "coarse": coarse})
    alpha, foreground = session(FOLDER / "mrn.onnx").run(["alpha", "foreground"], {"frame": frame, "unified": unified})
    oracle = torch_engine(frame)
    np.testing.assert_allclose(coarse, oracle.coarse, atol=1e-3)
    np.testing.assert_allclose(alpha, oracle.alpha, atol=1e-3)
    assert np.abs(foreground.astype(int) - oracle.foreground.astype(int)).max() <= 1


@pytest.mark.slow
def test_a_network_exports_with_its_glue(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = fold(QUN(widths=(8, 8, 8)))
    path = tmp_path / "qun.onnx"
    path.write_bytes(with_glue("qun", core("qun", network)).SerializeToString())
    image, mask = torch.rand(1, 3, 192, 256), torch.rand(192, 256)
    (unified,) = session(path).run(None, {"image": image.numpy(), "coarse": mask.numpy()})
    with torch.no_grad():
        expected = network(image, mask[None, None])[0, 0].numpy()
    np.testing.assert_allclose(unified, expected, atol=1e-5)
