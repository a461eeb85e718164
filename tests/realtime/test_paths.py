"""Arguments of another type than a program should pass: docs/python.md promises a ValueError that names them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import realtime
from realtime import VideoSink, VideoSource

SAMPLES = Path(realtime.__file__).parent / "samples"
SAMPLE, PICTURE = SAMPLES / "sample.mp4", SAMPLES / "background.jpg"
NAMING: dict[str, Callable[[Any], object]] = {
    "VideoSource": VideoSource,
    "PacedVideo": realtime.PacedVideo,
    "NetworkStream": realtime.NetworkStream,
    "NumberedPictures": realtime.NumberedPictures,
    "VideoSink": lambda name: VideoSink(name, width=64, height=64),
    "PictureSequence": lambda name: realtime.PictureSequence(name, width=64, height=64),
    "VideoJob": lambda name: realtime.VideoJob(name, "out.mp4"),
    "VideoJob, target": lambda name: realtime.VideoJob(SAMPLE, name),
    "read_photo": realtime.read_photo,
    "write_photo": lambda name: realtime.write_photo(name, realtime.read_photo(PICTURE).frame),
}


@pytest.mark.parametrize("call", NAMING.values(), ids=NAMING)
def test_what_names_no_file(call: Callable[[Any], object]) -> None:
    for name in (None, 3, b"talk.mp4", ["talk.mp4"]):
        with pytest.raises(ValueError, match=r"is no name of a file; give a text or a path|is not the address of a stream"):
            call(name)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: VideoSource(SAMPLE, excerpt=(1, 2)), r"excerpt \(1, 2\): must be of realtime.Excerpt"),
        (lambda: VideoSource(SAMPLE, threads=True), "threads True: must be a whole number"),
        (lambda: realtime.VideoJob(SAMPLE, "out.mp4", {"bg": "red"}), "must be of realtime.VideoSettings"),
        (lambda: realtime.NumberedPictures("%03d.png", rate="25"), "rate '25': must be a number above 0"),
        (lambda: realtime.open_background("red", pixel_aspect="16:15"), "pixel_aspect '16:15': must be a fraction above 0"),
        (lambda: VideoSink("out.mp4", width=64, height=64, pixel_aspect=1.5), "pixel_aspect 1.5: must be a fraction above 0"),
        (lambda: VideoSink("out.mp4", width=64, height=64, crf="20"), "takes a crf of 0 to 51"),
        (lambda: realtime.TemporalFilter("0.5"), "a strength of 0.5 is out of range"),
    ],
)
def test_other_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object], says: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says):
        call()
    assert list(tmp_path.iterdir()) == []
