import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from realtime.inputs.video_file import VideoSource
from realtime.loop.mattes import mattes
from tests.commands import ROOT
from tests.realtime.clips import even_times, make_clip
from tests.realtime.loop.test_live_session import Camera
from tests.realtime.plain_engine import PlainEngine


def pipeline_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pipeline-")]


def test_of_a_file_every_frame_comes_with_its_own_matte(tmp_path: Path) -> None:
    with VideoSource(make_clip(tmp_path / "a.mp4", even_times(12))) as source:
        packets = list(mattes(source, PlainEngine(seconds=0.01)))
    assert [packet.index for packet in packets] == list(range(12))
    for packet in packets:
        assert packet.matte is not None
        assert (packet.matte.foreground == packet.frame).all()


def test_of_a_live_source_the_newest_comes_and_leaving_ends_its_threads() -> None:
    seen = []
    with Camera() as source:
        for packet in mattes(source, PlainEngine(seconds=0.03)):
            seen.append(packet.index)
            if len(seen) == 10:
                break
    assert seen == sorted(seen)
    assert seen[-1] > 15
    assert pipeline_threads() == []


def test_the_name_of_a_file_is_no_source() -> None:
    with pytest.raises(ValueError, match=r"talk.mp4: is a name, not a source; give VideoSource"):
        next(mattes("talk.mp4", PlainEngine()))  # type: ignore[arg-type]


def test_plain_arrays_are_no_packets() -> None:
    frames = [np.zeros((32, 32, 3), np.uint8)] * 2
    with pytest.raises(ValueError, match=r"a source gives packets, not numpy.ndarray; make a Packet\(frame, time, index\)"):
        next(mattes(frames, PlainEngine()))  # type: ignore[arg-type]
    assert pipeline_threads() == []


def test_what_cannot_be_iterated_is_no_source() -> None:
    with pytest.raises(ValueError, match=r"plain_engine.PlainEngine: is not a source; give a source of packets first"):
        next(mattes(PlainEngine(), []))  # type: ignore[arg-type]


@pytest.mark.parametrize("held", ["frames", "frames, source.close()"])
def test_a_program_may_end_while_it_holds_the_mattes(tmp_path: Path, held: str) -> None:
    """Python ends daemon threads wherever they are: within OpenCV's code that was SIGABRT, "terminate called"."""
    program = f"""if True:
        import cv2, numpy as np
        from realtime import VideoSource, mattes
        from tests.realtime.plain_engine import PlainEngine
        class BusyEngine(PlainEngine):
            def __call__(self, frame, mask=None):
                for _ in range(300):
                    cv2.GaussianBlur(frame, (0, 0), 9)
                return super().__call__(frame)
        source = VideoSource({str(make_clip(tmp_path / "a.mp4", even_times(12)))!r})
        frames = mattes(source, BusyEngine())
        print(next(frames).index)
        {held}
    """
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_a_program_ends_although_its_source_waits_for_ever() -> None:
    program = """if True:
        import threading
        from fractions import Fraction
        import numpy as np
        from realtime import Packet, mattes
        from realtime.loop import pipeline
        from tests.realtime.plain_engine import PlainEngine
        pipeline.LAST_FRAMES = 0.1
        def source():
            yield Packet(np.zeros((32, 32, 3), np.uint8), Fraction(0), 0)
            threading.Event().wait()
        frames = mattes(source(), PlainEngine())
        print(next(frames).index)
    """
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
