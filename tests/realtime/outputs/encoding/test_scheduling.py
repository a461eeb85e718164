"""An encoder does not take the machine from others."""

import os
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet


@pytest.mark.skipif(sys.platform != "linux", reason="reads the threads' scheduling from /proc")
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may take a real-time priority")
def test_av1_leaves_the_scheduling_of_threads_alone(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    with VideoSink(tmp_path / "out.mkv", width=64, height=64, codec="av1") as sink:
        sink.write(Packet(picture, Fraction(0), 0, picture=picture))
        policies = {os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()}
    assert policies == {os.SCHED_OTHER}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
