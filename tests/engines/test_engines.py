"""PyTorch is the oracle: OpenVINO gives the same on real frames of several sizes, odd ones too."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from engines import Engine, EngineError, Frame, Matte, load
from engines.backends import openvino_networks
from engines.backends.openvino import OpenVINOEngine
from engines.backends.torch import TorchEngine
from engines.geometry import low_resolution
from engines.store.cache import Cache
from tests.commands import ROOT

SIZES = [(800, 800), (480, 640), (360, 640), (601, 397), (397, 603), (33, 32), (32, 451)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_backends_agree(openvino_engine: Engine, tiled_torch_engine: Engine, portrait: Frame, height: int, width: int) -> None:
    frame = np.ascontiguousarray(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA))
    ours, oracle = openvino_engine(frame), tiled_torch_engine(frame)
    assert ours.alpha.shape == (height, width)
    assert ours.foreground.shape == (height, width, 3)
    assert ours.coarse.shape == ours.unified.shape == low_resolution(height, width)
    for name in ("coarse", "unified", "alpha"):
        np.testing.assert_allclose(getattr(ours, name), getattr(oracle, name), atol=2e-3)
    error = np.abs(ours.foreground.astype(int) - oracle.foreground.astype(int))
    assert error[oracle.alpha > 0].max() <= 1


def test_a_given_mask_replaces_mpn(openvino_engine: Engine, tiled_torch_engine: Engine, portrait: Frame) -> None:
    mask = np.zeros((90, 75), np.float32)
    mask[20:, 20:55] = 1
    ours, oracle = openvino_engine(portrait, mask), tiled_torch_engine(portrait, mask)
    np.testing.assert_allclose(ours.unified, oracle.unified, atol=2e-3)
    np.testing.assert_allclose(ours.alpha, oracle.alpha, atol=2e-3)
    assert np.abs(ours.coarse - openvino_engine(portrait).coarse).max() > 0.5


def test_the_arrays_are_the_callers_own(openvino_engine: Engine, portrait: Frame) -> None:
    first = openvino_engine(portrait)
    alpha, foreground = first.alpha.copy(), first.foreground.copy()
    openvino_engine(np.zeros_like(portrait))
    np.testing.assert_array_equal(first.alpha, alpha)
    np.testing.assert_array_equal(first.foreground, foreground)


def test_the_matte_finds_the_person(openvino_engine: Engine, portrait: Frame) -> None:
    alpha = openvino_engine(portrait).alpha
    height, width = alpha.shape
    assert alpha[height // 2, width // 2] > 0.95
    assert 0.2 < alpha.mean() < 0.8


def test_nobody_in_an_empty_frame(openvino_engine: Engine) -> None:
    assert openvino_engine(np.full((240, 320, 3), 128, np.uint8)).alpha.mean() < 0.02


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((64, 64, 3), np.float32),
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((31, 64, 3), np.uint8),
        np.zeros((64, 64, 3), np.uint8)[:, ::-1],
        Image.new("RGB", (64, 64)),
        [[[0, 0, 0]] * 64] * 64,
        None,
    ],
)
def test_frames_of_another_form_are_refused(openvino_engine: Engine, torch_engine: Engine, frame: np.ndarray) -> None:
    for engine in (openvino_engine, torch_engine):
        with pytest.raises(ValueError, match="a frame is"):
            engine(frame)


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((0, 5), np.float32),
        np.full((5, 5), 255, np.float32),
        np.full((5, 5), np.nan, np.float32),
        Image.new("L", (5, 5)),
    ],
)
def test_masks_of_another_form_or_range_are_refused(
    openvino_engine: Engine, torch_engine: Engine, portrait: Frame, mask: np.ndarray
) -> None:
    for engine in (openvino_engine, torch_engine):
        with pytest.raises(ValueError, match="a mask is"):
            engine(portrait, mask)


def test_one_engine_serves_threads_of_two_sizes(openvino_engine: Engine, portrait: Frame) -> None:
    frames = [portrait[:200, :160].copy(), portrait[:160, :200].copy()] * 4
    alone = [openvino_engine(frame).alpha for frame in frames[:2]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda frame: openvino_engine(frame).alpha, frames))
    for index, alpha in enumerate(together):
        np.testing.assert_array_equal(alpha, alone[index % 2])


def test_two_frames_at_once_each_get_their_own_matte(
    openvino_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: Frame
) -> None:
    both = threading.Barrier(2, timeout=60)
    shrink = openvino_networks.shrink
    with OpenVINOEngine(precision="fp32", threads=2, at_once=2, cache=Cache(tmp_path)) as engine:
        assert (engine.at_once, engine.threads) == (2, 1)
        frames = [portrait[:200, :160].copy(), portrait[100:300, 40:200].copy()] * 3
        alone = [openvino_engine(frame).alpha for frame in frames[:2]]
        # As many are within it together.
        monkeypatch.setattr(openvino_networks, "shrink", lambda *arguments: (both.wait(), shrink(*arguments)))
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(lambda frame: engine(frame).alpha, frames))
    for index, alpha in enumerate(together):
        np.testing.assert_allclose(alpha, alone[index % 2], atol=1e-4)  # one thread sums in another order than two


def test_nothing_is_told_of_a_run(tmp_path: Path) -> None:
    """OpenVINO would report its import from a process of its own, but where it takes the machine for one of CI."""
    program = (
        "import os, engines\nfork = os.fork\ndef report():\n    print('forks', flush=True)\n    return fork()\n"
        "os.fork = report\nengines.load('openvino').close()\nimport sys, time\ntime.sleep(0.5)\n"
        "print(sys.modules['openvino_telemetry'])"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"
    assert not (tmp_path / "intel").exists()


def test_no_more_frames_at_once_than_threads() -> None:
    with OpenVINOEngine(threads=1, at_once=2) as engine:
        assert (engine.at_once, engine.threads) == (1, 1)


def test_frames_of_all_sizes_share_what_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: Frame) -> None:
    compiled: list[tuple[int, int]] = []
    whole = OpenVINOEngine._compile
    monkeypatch.setattr(OpenVINOEngine, "_compile", lambda self, *size: compiled.append(size) or whole(self, *size))
    with OpenVINOEngine(precision="fp32", cache=Cache(tmp_path)) as engine:
        for size in ((64, 64), (200, 100), (301, 211), (64, 96), (100, 101)):
            assert engine(np.ascontiguousarray(cv2.resize(portrait, size[::-1]))).alpha.shape == size
    assert len(compiled) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"at_once": 0}, "at_once 0: must be a whole number from 1 to 1024"),  # `mattes` would wait for ever
        ({"at_once": -1}, "at_once -1: must be"),
        ({"at_once": 1.5}, "at_once 1.5: must be"),
        ({"threads": 2.5}, "threads 2.5: must be a whole number"),
        ({"threads": "2"}, "threads '2': must be a whole number"),
        ({"threads": 0}, "threads 0: must be a whole number"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        load("openvino", **options)


def test_threads_that_load_at_once_share_one_openvino() -> None:
    """With two of them, a signal may be a segmentation fault; with the first arrays of both, neither goes on."""
    program = (
        "import threading, time\nfrom engines.backends import openvino\ncore = openvino.ov.Core\n"
        "openvino.ov.Core = lambda: (time.sleep(0.1), core())[1]\ntogether, found = threading.Barrier(8), []\n"
        "def take():\n    together.wait()\n    found.append(openvino.openvino())\n"
        "threads = [threading.Thread(target=take) for _ in range(8)]\n"
        "[each.start() for each in threads]\n[each.join() for each in threads]\nprint(len(set(map(id, found))))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "1\n"


def test_a_given_mask_is_kept_within_its_range(openvino_engine: Engine, portrait: Frame) -> None:
    for level in (-0.0009, 1.0009):
        coarse = openvino_engine(portrait, np.full((9, 9), level, np.float32)).coarse
        assert (coarse.min(), coarse.max()) == ((0, 0) if level < 0 else (1, 1))


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_an_engine_is_closed_twice_and_says_so_when_it_is_used_again(backend: str, portrait: Frame) -> None:
    """OpenVINO's compiled its networks again, without a word."""
    cpu = backend == "openvino" or not torch.cuda.is_available()
    engine = load(backend, precision="fp32") if cpu else TorchEngine(device="cpu")
    engine.close()
    engine.close()
    for call in (engine, engine.coarse, engine.profile):
        with pytest.raises(EngineError, match=f"{backend}: the engine was closed; load another"):
            call(portrait)


def test_mattes_are_compared_and_kept_as_objects() -> None:
    alpha = np.zeros((2, 2), np.float32)
    one, other = (Matte(alpha, np.zeros((2, 2, 3), np.uint8), alpha, alpha) for _ in range(2))
    assert one != other
    assert one in {one}
