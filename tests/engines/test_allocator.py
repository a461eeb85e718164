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


FAULTS_OF_TENSORS = """
import resource
import torch
from engines.allocator import keep_memory_of_training

keep_memory_of_training()
for _ in range(12):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(size << 18) for size in (60, 50, 40, 30)]
    del tensors
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_a_step_of_training_takes_the_memory_of_the_one_before() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS_OF_TENSORS], capture_output=True, text=True, check=True)
    faults = [int(line) for line in done.stdout.split()]
    assert sum(faults[-4:]) < faults[0]  # it was four times as many
