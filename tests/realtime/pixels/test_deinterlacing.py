"""Interlaced video becomes whole pictures: those of the ffmpeg program, at the same times."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from realtime.inputs.timestamps import Excerpt
from realtime.inputs.video_file import VideoSource
from realtime.pixels.deinterlacing import Deinterlacer
from tests.realtime.outputs.test_formats import needs_ffmpeg

HEIGHT, WIDTH, COUNT = 96, 128, 12


def bars(index: int, field: int) -> np.ndarray:
    """A bar that moves by four pixels a field."""
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    left = 8 + 4 * (2 * index + field)
    picture[:, left : left + 16] = 220
    return picture


def clip(path: Path, interlaced: range) -> Path:
    """A clip of which these frames have a field of each of two moments."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "4"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"  # type: ignore[attr-defined]
        for index in range(COUNT):
            picture = bars(index, 0)
            if index in interlaced:
                picture[1::2] = bars(index, 1)[1::2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = 2 * index, Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def combed(picture: np.ndarray) -> float:
    """How much neighbouring rows differ."""
    return float(np.abs(np.diff(picture.astype(int), axis=0)).mean())


@needs_ffmpeg
def test_pictures_are_those_of_ffmpeg(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mp4", range(COUNT))
    with VideoSource(path) as source:
        assert source.interlaced
        packets = list(source)
    filters = "bwdif=mode=send_frame:deint=interlaced,scale=in_color_matrix=bt709"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", filters, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    expected = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.uint8)
    pictures = np.array([packet.frame for packet in packets])
    assert np.abs(pictures.astype(int) - expected.reshape(pictures.shape)).mean() < 3
    assert all(combed(picture) < 1 for picture in pictures)


def test_frames_keep_their_number_and_times(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mp4", range(COUNT))
    with av.open(str(path)) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    with VideoSource(path) as source:
        assert [packet.time for packet in source] == times
        assert [packet.duration for packet in source][:-1] == [Fraction(1, 25)] * (COUNT - 1)
    with VideoSource(path, excerpt=Excerpt(start=times[5])) as source:
        assert len(list(source)) == COUNT - 5


def test_a_video_that_is_interlaced_from_its_middle_on(tmp_path: Path) -> None:
    """x264 marks all frames of such a stream, so fields are told apart by FFmpeg's filter alone: nothing is lost."""
    path = clip(tmp_path / "in.mp4", range(6, COUNT))
    with VideoSource(path) as source:
        packets = list(source)
    assert len(packets) == COUNT
    assert all(combed(packet.frame) < 1 for packet in packets)


def test_whole_pictures_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"  # type: ignore[attr-defined]
        for index in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bars(index, 0), format="rgb24")))
        container.mux(stream.encode())
    with VideoSource(path) as source:
        assert len(list(source)) == 3
        assert not source.interlaced


def test_a_size_that_changes_midway(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mp4", range(COUNT))
    with av.open(str(path)) as large, av.open(str(path)) as small:
        frames = list(large.decode(video=0))
        frames += [frame.reformat(width=64, height=48) for frame in small.decode(video=0)]
        passed = list(Deinterlacer()(frames, Fraction(1, 12800)))
    assert [(frame.width, frame.pts) for frame in passed] == [(frame.width, frame.pts) for frame in frames]
