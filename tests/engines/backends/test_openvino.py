import os
import platform
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engines import Frame
from engines.backends.openvino import OpenVINOEngine
from engines.backends.openvino_networks import look, shrink
from engines.geometry import MODELS, low_resolution, mpn_size
from engines.graphs import glue

ENGINES_THAT_OVERLAP = """
import gc, os, signal
from engines.backends.openvino import OpenVINOEngine

signal.signal(signal.SIGTERM, lambda *_: print("handled"))
first, second = OpenVINOEngine(), OpenVINOEngine()
first.close()
del first
gc.collect()
second.close()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_after_two_engines_that_overlapped_is_handled() -> None:
    """It was a segmentation fault on CPUs with AMX."""
    done = subprocess.run([sys.executable, "-c", ENGINES_THAT_OVERLAP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


@pytest.mark.parametrize(("height", "width"), [(800, 800), (1080, 1920), (1082, 603), (601, 397), (100, 640), (33, 32)])
@pytest.mark.parametrize("model", MODELS)
def test_the_low_resolution_images_are_those_of_pytorch(portrait: Frame, height: int, width: int, model: str) -> None:
    frame = np.ascontiguousarray(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA))
    low = glue.shrink(torch.from_numpy(frame), model)
    seen: list[torch.Tensor] = []

    class Looks(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            seen.append(image)
            return image[:, :2]

    mask = glue.predict(Looks(), low.doubled, model)
    assert mask.shape == low_resolution(height, width, model)
    pictures = [each[0].numpy() for each in (low.doubled, low.image, seen[0])]
    ours = [np.empty_like(each) for each in pictures]
    shrink(frame, *ours[:2])
    look(ours[0], ours[2])
    for own, expected in zip(ours, pictures, strict=True):
        np.testing.assert_allclose(own, expected, atol=2e-5)
    assert seen[0].shape[2:] == mpn_size(height, width, model)


def test_where_nobody_is_the_frame_is_its_own_foreground(portrait: Frame) -> None:
    mask = np.zeros(portrait.shape[:2], np.float32)
    with OpenVINOEngine(precision="fp32") as engine:
        matte = engine(portrait, mask)
        assert not matte.alpha.any()
        np.testing.assert_array_equal(matte.foreground, portrait)
        assert matte.foreground is not portrait
        assert engine(portrait).alpha.any()


FIRST_TOGETHER = """
import threading, time
import numpy as np
from numpy.lib import NumpyVersion
from engines.backends.openvino import OpenVINOEngine

engine = OpenVINOEngine(threads=2, at_once=2)
engine.prepare(64, 64)
plain = NumpyVersion.__init__
NumpyVersion.__init__ = lambda *args: (time.sleep(0.5), plain(*args))[1]  # OpenVINO asks when the first array is taken
threads = [threading.Thread(target=engine, args=(np.zeros((64, 64, 3), np.uint8),)) for _ in range(2)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


def test_two_threads_that_come_first_do_not_wait_for_each_other(tmp_path: Path) -> None:
    environment = os.environ | {"SHM_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FIRST_TOGETHER], env=environment, check=True, timeout=120)


def test_what_auto_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for machine, native, expected in (
        ("x86_64", True, "int8"),
        ("AMD64", False, "int8"),
        ("aarch64", True, "bf16"),
        ("arm64", False, "fp32"),
    ):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        monkeypatch.setattr("engines.backends.openvino.bf16_is_native", lambda native=native: native)
        with OpenVINOEngine() as engine:
            assert engine.precision == expected


@pytest.mark.parametrize("model", MODELS)
def test_int8_mattes_as_fp32_does(portrait: Frame, model: str) -> None:
    with OpenVINOEngine(precision="int8", model=model) as engine, OpenVINOEngine(precision="fp32", model=model) as exact:
        ours, expected = engine(portrait), exact(portrait)
    assert 0 < np.abs(ours.alpha - expected.alpha).mean() < 0.01
    assert np.abs(ours.unified - expected.unified).mean() < 0.01


@pytest.mark.parametrize("model", MODELS)
def test_integers_leave_a_sure_mask_at_one(portrait: Frame, model: str) -> None:
    """It came to .982, and to 1.008 with other bounds of trust, as OpenVINO rounds the constants of int8 graphs to bf16."""
    with OpenVINOEngine(precision="int8", model=model) as engine:
        assert 0.999 < engine(portrait).coarse.max() <= 1


WITHOUT_BF16 = """
import numpy as np
import engines.backends.openvino
from engines.errors import BackendUnavailable

engines.backends.openvino.bf16_is_native = lambda: False
try:
    engines.load("openvino", precision="bf16")(np.zeros((64, 64, 3), np.uint8))
except BackendUnavailable as error:
    print(error)
"""


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="x86-64 only")
def test_a_cpu_that_cannot_run_bf16_says_so(tmp_path: Path) -> None:
    environment = os.environ | {"SHM_CACHE": str(tmp_path), "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run([sys.executable, "-c", WITHOUT_BF16], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "openvino: this CPU has no bf16; take another precision\n", done.stderr
