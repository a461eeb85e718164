"""The ONNX graphs, run by a third program, against PyTorch."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from engines import Engine, Frame
from engines.geometry import BASE
from engines.graphs.export import cores, with_glue
from engines.networks import QUN
from engines.networks.fold import fold
from engines.tiles import HALO, TILE, Layout
from engines.weights import FOLDER


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_the_three_graphs_in_onnx_runtime(torch_engine: Engine, portrait: Frame) -> None:
    frame = np.ascontiguousarray(portrait[:301, :211])
    doubled, image, coarse = session(FOLDER / BASE / "mpn.onnx").run(["doubled", "image", "coarse"], {"frame": frame})
    (unified,) = session(FOLDER / BASE / "qun.onnx").run(["unified"], {"image": image, "coarse": coarse})
    inputs = {"frame": frame, "doubled": doubled, "unified": unified}
    alpha, foreground = session(FOLDER / BASE / "mrn.onnx").run(["alpha", "foreground"], inputs)
    oracle = torch_engine(frame)
    np.testing.assert_allclose(coarse, oracle.coarse, atol=1e-3)
    np.testing.assert_allclose(alpha, oracle.alpha, atol=1e-3)
    assert np.abs(foreground.astype(int) - oracle.foreground.astype(int))[oracle.alpha > 0].max() <= 1


def test_mrn_in_its_two_parts_is_mrn(torch_engine: Engine, portrait: Frame) -> None:
    """With every tile on: the same alpha and foreground, within float error."""
    frame = np.ascontiguousarray(portrait[:301, :211])
    doubled, image, coarse = session(FOLDER / BASE / "mpn.onnx").run(["doubled", "image", "coarse"], {"frame": frame})
    (unified,) = session(FOLDER / BASE / "qun.onnx").run(["unified"], {"image": image, "coarse": coarse})
    parts = session(FOLDER / BASE / "mrn-features.onnx").run(["features", "logit"], {"doubled": doubled, "unified": unified})
    features = np.concatenate(parts, axis=1)
    details, tiled = session(FOLDER / BASE / "mrn-details.onnx"), Layout(301, 211)
    tiles = np.empty((4, TILE + 2 * HALO, TILE + 2 * HALO, 3), np.uint8)
    places = np.empty((4, TILE // 2 + 2, TILE // 2 + 2, 2), np.float32)
    alpha, foreground = np.full(frame.shape[:2], np.nan, np.float32), np.empty_like(frame)
    for batch in tiled.batches(np.ones((len(tiled.tops), len(tiled.lefts)), bool), 4):
        tiled.cut(frame, batch, tiles, places)
        inputs = {"tiles": tiles, "all_features": features, "places": places.reshape(1, -1, TILE // 2 + 2, 2)}
        tiled.paste(batch, *details.run(["alpha", "foreground"], inputs), alpha, foreground)
    oracle = torch_engine(frame)
    np.testing.assert_allclose(alpha, oracle.alpha, atol=1e-3)
    assert np.abs(foreground.astype(int) - oracle.foreground.astype(int))[oracle.alpha > 0].max() <= 1


@pytest.mark.slow
def test_a_network_exports_with_its_glue(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = fold(QUN(widths=(8, 8, 8)))
    path = tmp_path / "qun.onnx"
    path.write_bytes(with_glue("qun", cores("qun", network)["qun"]).SerializeToString())
    image, mask = torch.rand(1, 3, 192, 256), torch.rand(192, 256)
    (unified,) = session(path).run(None, {"image": image.numpy(), "coarse": mask.numpy()})
    with torch.no_grad():
        expected = network(image, mask[None, None])[0, 0].numpy()
    np.testing.assert_allclose(unified, expected, atol=1e-5)
