"""Who reads a video file: one iteration at a time, as long as it is open."""

import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from realtime.inputs.media.piped import PipedVideo
from realtime.inputs.paced_video import PacedVideo
from realtime.inputs.video_file import VideoSource
from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import VideoJob
from tests.realtime.clips import even_times, make_clip


def test_an_iteration_of_a_file_that_is_closed_or_iterated_again_ends_in_words(tmp_path: Path) -> None:
    """FFmpeg read on in a file that was closed: a segmentation fault."""
    with VideoSource(make_clip(tmp_path / "clip.mp4", even_times(100))) as source:
        first, second = iter(source), iter(source)
        assert (next(first).index, next(second).index) == (0, 0)
        with pytest.raises(ValueError, match=r"clip.mp4: was closed or begun anew while it was read"):
            next(first)
        assert next(second).index == 1
    with pytest.raises(ValueError, match=r"clip.mp4: was closed or begun anew while it was read"):
        next(second)


def test_a_file_may_be_closed_while_another_thread_reads_it(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", even_times(100))
    ends: list[str] = []

    def read(source: VideoSource) -> None:
        try:
            ends.append(str(sum(1 for _ in source)))
        except ValueError as error:
            ends.append(str(error))

    for _ in range(10):
        source = VideoSource(clip)
        thread = threading.Thread(target=read, args=[source])
        thread.start()
        source.close()
        thread.join()
    assert len(ends) == 10
    assert all(end == "100" or end.endswith("open it once for each reader") for end in ends)


@pytest.mark.parametrize("size", [(64, 48), 48.5, "64x48"])
def test_a_size_of_another_form_is_refused(tmp_path: Path, size: Any) -> None:
    with pytest.raises(ValueError, match=r"give realtime.Size\(height=480, width=640\), or the height alone"):
        VideoSource(make_clip(tmp_path / "clip.mp4"), size=size)


@pytest.mark.parametrize("size", [480, 48.5, "64x48"])
def test_a_size_of_another_form_is_refused_of_a_live_file(tmp_path: Path, size: Any) -> None:
    with pytest.raises(ValueError, match=rf"size {size!r}: give realtime.Size"):
        PacedVideo(make_clip(tmp_path / "clip.mp4"), size=size)


@pytest.mark.parametrize("descriptor", [None, "x", -1, 0.5])
def test_a_pipe_is_a_number(descriptor: Any) -> None:
    with pytest.raises(ValueError, match=rf"descriptor {descriptor!r}: must be a whole number from 0"):
        PipedVideo(descriptor)


@pytest.mark.parametrize(("name", "wrong"), [("masks", "frame.png@1:30"), ("masks", 1.5), ("keep", None), ("keep", 1.5)])
def test_settings_of_another_type_are_named(tmp_path: Path, name: str, wrong: Any) -> None:
    clip = make_clip(tmp_path / "clip.mp4", even_times(1))
    with pytest.raises(ValueError, match=rf"masks {wrong!r}: must be a tuple|{wrong}: is neither all nor largest nor a point"):
        VideoJob(clip, tmp_path / "out.mp4", VideoSettings(**{name: wrong}))


def test_packets_are_compared_as_objects(tmp_path: Path) -> None:
    with VideoSource(make_clip(tmp_path / "clip.mp4")) as source:
        packets = list(source)
    assert packets.index(packets[3]) == 3
    assert packets[0] != next(iter(source))


def test_raw_dv_has_the_rate_of_its_frames(tmp_path: Path) -> None:
    """It had 60000, FFmpeg's average of it: with that went the estimated number of frames, and the rate written."""
    path = tmp_path / "tape.dv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("dvvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((576, 720, 3), 40 * index, np.uint8)).reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoSource(path) as source:
        assert (source.rate, source.frames) == (25, 5)
