"""The ONNX graphs, run by a third program, against PyTorch: the released ones; tests/train/commands has some just exported."""

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from engines import Engine, Frame
from engines.backends.torch import released_networks
from engines.engine import Mask, Matte
from engines.errors import WeightsError
from engines.geometry import BASE
from engines.graphs.export import export
from engines.graphs.int8 import Activation
from engines.tiles import HALO, TILE, Layout
from engines.weights import FOLDER, verified


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def check_graphs(folder: Path, engine: Engine, frame: Frame) -> None:
    """The three graphs of a model, and MRN in its two parts with every tile on, give what PyTorch gives, within float error."""
    oracle = engine(frame)
    doubled, image, coarse = session(folder / "mpn.onnx").run(["doubled", "image", "coarse"], {"frame": frame})
    np.testing.assert_allclose(coarse, oracle.coarse, atol=1e-3)
    (unified,) = session(folder / "qun.onnx").run(["unified"], {"image": image, "coarse": coarse})
    np.testing.assert_allclose(unified, oracle.unified, atol=1e-3)
    inputs = {"frame": frame, "doubled": doubled, "unified": unified}
    check_matte(oracle, *session(folder / "mrn.onnx").run(["alpha", "foreground"], inputs))
    check_matte(oracle, *in_parts(folder, frame, doubled, unified))


def check_matte(oracle: Matte, alpha: Mask, foreground: Frame) -> None:
    np.testing.assert_allclose(alpha, oracle.alpha, atol=1e-3)
    assert np.abs(foreground.astype(int) - oracle.foreground.astype(int))[oracle.alpha > 0].max() <= 1


def in_parts(folder: Path, frame: Frame, doubled: np.ndarray, unified: Mask) -> tuple[Mask, Frame]:
    """Alpha and foreground of all tiles."""
    parts = session(folder / "mrn-features.onnx").run(["features", "logit"], {"doubled": doubled, "unified": unified})
    features = np.concatenate(parts, axis=1)
    details, tiled = session(folder / "mrn-details.onnx"), Layout(*frame.shape[:2])
    tiles = np.empty((4, TILE + 2 * HALO, TILE + 2 * HALO, 3), np.uint8)
    places = np.empty((4, TILE // 2 + 2, TILE // 2 + 2, 2), np.float32)
    alpha, foreground = np.full(frame.shape[:2], np.nan, np.float32), np.empty_like(frame)
    for batch in tiled.batches(np.ones((len(tiled.tops), len(tiled.lefts)), bool), 4):
        tiled.cut(frame, batch, tiles, places)
        inputs = {"tiles": tiles, "all_features": features, "places": places.reshape(1, -1, TILE // 2 + 2, 2)}
        tiled.paste(batch, *details.run(["alpha", "foreground"], inputs), alpha, foreground)
    return alpha, foreground


def test_the_released_graphs_in_onnx_runtime(torch_engine: Engine, portrait: Frame) -> None:
    check_graphs(FOLDER / BASE, torch_engine, np.ascontiguousarray(portrait[:301, :211]))


def test_an_export_that_fails_leaves_the_weights_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, or out of disk, halfway: new weights beside the manifest of the old ones would be refused as damaged."""
    folder = tmp_path / "made" / BASE
    shutil.copytree(FOLDER / BASE, folder)

    def full(_: Path) -> Mapping[str, Mapping[str, Activation]]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("engines.graphs.export.cores", lambda *_: {})  # they take half a minute, and follow the weights
    with pytest.raises(WeightsError, match=r"base: cannot be written .*No space left on device.*; make room on the disk"):
        export(released_networks(), folder, {"dimensions": {}}, full)
    assert verified(BASE, tmp_path / "made") == verified()
    assert [path.name for path in folder.parent.iterdir()] == [BASE]
