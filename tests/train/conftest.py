"""A few generated pictures in the layout of train/data/library.py, and a recipe small enough for a test."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.data.library import Library, Picture, open_library
from train.learning.checkpoints import load_checkpoint
from train.recipe import Recipe, TaskSettings

TINY = """\
low_resolution = [64, 32]
validation = 0.0
[mpn]
steps = {steps}
batch = 2
warm_up = 1
frozen_encoder_stages = 1
[qun]
steps = {steps}
batch = 2
warm_up = 1
[mrn]
steps = {steps}
batch = 2
warm_up = 1
crop = [32, 48]
"""


def wait_for_step(checkpoint: Path, training: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for a checkpoint after a step, or for the end of the training: the first one is from before the first step."""
    end = time.monotonic() + seconds
    while training() and time.monotonic() < end:
        if checkpoint.exists() and load_checkpoint(checkpoint)["step"] >= 1:
            return
        time.sleep(0.1)


def coordinates(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Column and row of each pixel centre, in unit coordinates."""
    y, x = np.mgrid[0:height, 0:width]
    return (x + 0.5) / width, (y + 0.5) / height


def scenery(height: int, width: int, seed: int) -> Picture:
    """A smooth picture: RGB waves."""
    x, y = coordinates(height, width)
    phases = np.random.default_rng(seed).uniform(0, 6, (3, 2))
    waves = [np.sin(3 * x + a) * np.cos(2 * y + b) for a, b in phases]
    return np.asarray(127 + 100 * np.stack(waves, axis=-1), np.uint8)


def figure(height: int, width: int, top: float = 0.15) -> Picture:
    """The alpha of a head on shoulders with a soft edge, cut by the picture's lower edge."""
    x, y = coordinates(height, width)
    head = 1 - np.hypot((x - 0.5) / 0.2, (y - top - 0.2) / 0.2)
    shoulders = 1 - np.hypot((x - 0.5) / 0.4, (y - 1.1) / (0.7 - top))
    return np.asarray(((np.maximum(head, shoulders) * 6).clip(-0.5, 0.5) + 0.5) * 255, np.uint8)


def write(path: Path, rgb: Picture, alpha: Picture | None = None) -> None:
    """Write RGB, or RGBA that is black where it is transparent, as image editors leave it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = np.ascontiguousarray(rgb[..., ::-1]) if rgb.ndim == 3 else rgb
    if alpha is not None:
        bgr = np.dstack([bgr * (alpha > 0)[..., None], alpha])
    assert cv2.imwrite(str(path), bgr)


def make_data(root: Path) -> Path:
    """Four cut-outs, three photos with alphas, three with masks, one partly unknown, three backgrounds, of odd sizes."""
    for i, (height, width) in enumerate([(120, 90), (101, 77), (90, 121), (160, 100)]):
        write(root / f"fine/cutouts/{i}.png", scenery(height, width, i), figure(height, width))
    for i, (height, width) in enumerate([(100, 81), (75, 120), (96, 96)]):
        write(root / f"fine/photos/images/{i}.jpg", scenery(height, width, 10 + i))
        write(root / f"fine/photos/alphas/{i}.png", figure(height, width, 0.2))
        write(root / f"coarse/street/images/{i}.jpg", scenery(height, width, 20 + i))
        write(root / f"coarse/street/masks/{i}.png", np.asarray((figure(height, width, 0.25) > 127) * 255, np.uint8))
        write(root / f"backgrounds/rooms/{i}.jpg", scenery(120 + i, 140 - 9 * i, 30 + i))
    unknown = np.zeros((75, 120), np.uint8)
    unknown[50:, 60:] = 255
    write(root / "coarse/street/unknown/1.png", unknown)
    return root


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the toy data; read-only."""
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def library(data: Path) -> Library:
    return open_library(data)


@pytest.fixture
def recipe() -> Recipe:
    """The recipe of TINY with three steps."""
    settings = TaskSettings(steps=3, batch=2, warm_up=1, frozen_encoder_stages=1, crop=(32, 48))
    return Recipe(low_resolution=(64, 32), validation=0.0, mpn=settings, qun=settings, mrn=settings)


def partly_known() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two images, their masks, masks that differ where they say nothing, and `known`, 0 there, as tasks take them."""
    generator = torch.Generator().manual_seed(2)
    image, mask = torch.rand(2, 3, 64, 32, generator=generator), torch.rand(2, 1, 64, 32, generator=generator)
    known = torch.ones_like(mask)
    known[:, :, 40:] = 0
    return image, mask, torch.where(known > 0, mask, 1 - mask), known
