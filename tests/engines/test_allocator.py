"""Memory of frames: kept from one to the next."""

import platform
import subprocess
import sys

import pytest

FAULTS_OF_FRAMES = """
import resource
import engines
from engines.store.parity import sample_frame

frame = sample_frame("real", 1080, 1920)
with engines.load("openvino", precision="int8") as engine:
    for _ in range(3):
        engine(frame)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        engine(frame)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_a_frame_takes_no_new_memory() -> None:
    """It was up to 3,000 pages of a frame of 1920x1080, each a page fault: a fifth of its time."""
    done = subprocess.run([sys.executable, "-c", FAULTS_OF_FRAMES], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200
