"""Cycles in a process of its own: a person goes in, its picture with exact alpha comes out."""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import InputError
from train.child import Child
from train.people.stage import Scene, save

WORKER = Path(__file__).with_name("blender") / "render.py"


class Renderer(Child):
    """Draws scenes with Blender's Cycles, in the Python `python`, which must have bpy.

    Raises InputError where it cannot be started or where a scene cannot be drawn.
    """

    def __init__(self, python: Path) -> None:
        if shutil.which(python) is None:
            raise InputError(f"--blender-python {python}: is no program; name the python of an environment with bpy")
        super().__init__("renderer", [str(python), str(WORKER)], os.environ)
        try:
            self.version = str(self._answer()["bpy"])
        except BaseException:
            self.close()
            raise

    def __call__(self, scene: Scene) -> NDArray[np.uint8]:
        """The picture of a scene, RGBA uint8 (H, W, 4), straight colours."""
        with tempfile.TemporaryDirectory(prefix="people") as folder:
            paths = [Path(folder) / name for name in ("scene.npz", "colours.png", "alpha.png")]
            save(scene, paths[0])
            self._send("\t".join(map(str, paths)).encode() + b"\n")
            self._answer()
            colours, alpha = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths[1:])
        if colours is None or alpha is None:
            raise InputError("renderer: wrote no picture; is there room for temporary files?")
        rgba = cv2.cvtColor(colours, cv2.COLOR_BGRA2RGBA)
        return finished(np.asarray(rgba, np.uint16), np.asarray(alpha[..., 3], np.uint16))

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise InputError(self._end())
        answer: dict[str, object] = json.loads(line)
        if "error" in answer:
            raise InputError(f"renderer: {answer['error']}")
        return answer


def finished(colours: NDArray[np.uint16], alpha: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """RGBA uint8 (H, W, 4) from straight colours (H, W, 4) and an alpha (H, W) of more samples, both 16-bit.

    Where little was hit, colours are a mean of those around, each as much as was hit there: they flow out beyond the edge.
    """
    own = (colours[..., 3] / 65535.0).astype(np.float32)
    mixed = (colours[..., :3] / 65535.0).astype(np.float32)
    sure = np.clip((own - 0.35) / 0.5, 0, 1)[..., None]
    trust = own**2  # what was hardly hit has hardly a colour
    light = np.zeros_like(mixed)
    weight = np.zeros(own.shape, np.float32)
    for deviation, share in ((1.0, 1.0), (4.0, 1e-2), (16.0, 1e-4), (48.0, 1e-6)):
        light += share * np.asarray(cv2.GaussianBlur(mixed * trust[..., None], (0, 0), deviation))
        weight += share * np.asarray(cv2.GaussianBlur(trust, (0, 0), deviation))
    around = light / np.maximum(weight, 1e-12)[..., None]
    straight = sure * mixed + (1 - sure) * around
    matte = np.round(alpha / 257.0)
    return np.asarray(np.dstack([np.round(255 * straight.clip(0, 1)), matte]), np.uint8)


def on_checks(rgba: NDArray[np.uint8], colours: Sequence[int] = (150, 110)) -> NDArray[np.uint8]:
    """A cut-out on a chessboard, RGB uint8, to look at."""
    rows, columns = np.mgrid[0 : rgba.shape[0], 0 : rgba.shape[1]]
    board = np.where((rows // 16 + columns // 16) % 2, *colours)[..., None]
    alpha = rgba[..., 3:] / 255.0
    return np.asarray(alpha * rgba[..., :3] + (1 - alpha) * board + 0.5, np.uint8)
