"""--smooth, --keep and --light-wrap as the commands take them."""

import importlib
import sys
from fractions import Fraction
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import pytest

import engines
from engines.engine import Frame, Mask, Matte
from realtime.choices import SMOOTH
from realtime.compositing.filters import stream_filters
from realtime.compositing.temporal import TemporalFilter
from realtime.loop.live_session import LiveSession
from realtime.packet import Packet
from tests.realtime.clips import even_times, frames, make_clip
from tests.realtime.plain_engine import PlainEngine

HEIGHT, WIDTH = 96, 160


class TwoPeople:
    """Finds a large and a small person in any frame, and flickers: every second alpha is halved."""

    name, device, precision, model, at_once = "two", "test", "exact", "base", 1

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        alpha = np.zeros(frame.shape[:2], np.float32)
        alpha[20:, 10:70] = alpha[60:, 120:140] = 0.5 if self.calls % 2 else 1
        self.calls += 1
        return Matte(alpha, np.full_like(frame, 255), alpha[::8, ::8].copy(), alpha[::8, ::8].copy())

    def close(self) -> None:
        """Holds nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Holds nothing."""


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip in which only a ball moves, slowly."""
    monkeypatch.setattr(engines, "load", lambda *_, **__: TwoPeople())
    return make_clip(tmp_path / "in.mp4", even_times(12), size=(WIDTH, HEIGHT))


def run(monkeypatch: pytest.MonkeyPatch, command: str, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", [f"shm-{command}", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"realtime.commands.{command}").main()
    return int(end.value.code or 0)


def test_smooth_and_keep_make_the_filters_of_one_stream() -> None:
    assert stream_filters("all", 0) == []
    assert [type(each).__name__ for each in stream_filters("largest", 0.5)] == ["LargestSubject", "TemporalFilter"]
    one, other = stream_filters("all", SMOOTH), stream_filters("all", SMOOTH)
    assert isinstance(one[0], TemporalFilter)
    assert one[0] is not other[0]


def flicker(path: Path) -> float:
    """How much the middle of the large person changes from frame to frame, away from the ball of the clip."""
    person = np.array([frame[84:92, 15:60].mean() for frame in frames(path)])
    return float(np.abs(np.diff(person[2:])).mean())


def test_a_video_is_smoothed_by_default(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, more in (("usual", []), ("off", ["--smooth", 0]), ("strong", ["--smooth", 0.9])):
        assert run(monkeypatch, "video", clip, tmp_path / f"{name}.mp4", "--bg", "black", "--crf", 4, *more) == 0
    off = flicker(tmp_path / "off.mp4")
    assert off > 100
    assert flicker(tmp_path / "usual.mp4") < 0.45 * off
    assert flicker(tmp_path / "strong.mp4") < 0.15 * off


def test_keep_largest_in_a_video(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for keep, other in (("all", 255), ("largest", 0)):
        out = tmp_path / f"{keep}.mp4"
        assert run(monkeypatch, "video", clip, out, "--bg", "black", "--keep", keep, "--smooth", 0) == 0
        first = frames(out)[0]
        assert np.abs(first[70:90, 124:136].astype(int) - other).max() <= 8
        assert np.abs(first[40:90, 20:60].astype(int) - 255).max() <= 8


def test_keep_the_one_at_a_point_of_a_video(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    assert run(monkeypatch, "video", clip, out, "--bg", "black", "--keep", "130,80", "--smooth", 0) == 0
    first = frames(out)[0]
    assert np.abs(first[70:90, 124:136].astype(int) - 255).max() <= 8
    assert first[40:90, 20:60].max() <= 8
    assert run(monkeypatch, "video", clip, tmp_path / "no.mp4", "--keep", "99%,1%") == 2
    assert f"error: {clip}: nobody is at 99%,1%; name a point on a person" in capsys.readouterr().err
    assert not (tmp_path / "no.mp4").exists()
    assert run(monkeypatch, "video", clip, tmp_path / "no.mp4", "--keep", "9") == 2
    assert "error: --keep 9: is neither all nor largest nor a point" in capsys.readouterr().err


def test_keep_and_light_wrap_in_a_photo(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    alpha, plain, wrapped = tmp_path / "alpha.png", tmp_path / "plain.png", tmp_path / "wrapped.png"
    assert run(monkeypatch, "image", photo, alpha, "--alpha-only", "--keep", "largest") == 0
    assert run(monkeypatch, "image", photo, plain, "--bg", "black") == 0
    assert run(monkeypatch, "image", photo, wrapped, "--bg", "black", "--light-wrap", 0.5) == 0
    kept = cv2.imread(str(alpha), cv2.IMREAD_GRAYSCALE)
    assert kept is not None
    assert (kept[70, 30], kept[70, 130]) == (255, 0)
    before, after = cv2.imread(str(plain)), cv2.imread(str(wrapped))
    assert before is not None
    assert after is not None
    assert before[50, 68].min() == 255
    assert after[50, 68].max() < 230  # darkness reaches over the edge
    assert after[60, 40].min() >= 250


def test_a_live_matte_is_smoothed() -> None:
    session = LiveSession(None, PlainEngine(), None, filters=stream_filters("all", 0.5))  # type: ignore[arg-type]
    frames_of_stream = [np.full((64, 96, 3), level, np.uint8) for level in (100, 102)]
    packets = [Packet(frame, Fraction(index, 25), index) for index, frame in enumerate(frames_of_stream)]
    for packet in packets:
        session.matte(packet)
        session.smooth(packet)
    peaks = [packet.matte.alpha.max() for packet in packets if packet.matte is not None]
    assert peaks == pytest.approx([155 / 255, 154 / 255], abs=1e-4)  # the second alone would be 153


@pytest.mark.parametrize("arguments", [("--smooth", "2"), ("--light-wrap", "2"), ("--keep", "some")])
def test_bad_options_of_a_live_picture(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]
) -> None:
    assert run(monkeypatch, "live", "--input", clip, *arguments) == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--light-wrap", "2"), ("--keep", "some")])
def test_bad_options_of_a_photo(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]
) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert run(monkeypatch, "image", photo, tmp_path / "out.jpg", "--bg", "black", *arguments) == 2
    assert arguments[0] in capsys.readouterr().err
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("arguments", [("--light-wrap", "1"), ("--fit", "contain")])
def test_options_of_a_background_that_a_photo_does_not_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]
) -> None:
    """They were taken in silence."""
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert run(monkeypatch, "image", photo, tmp_path / "out.png", *arguments) == 2
    assert f"{arguments[0]} is for --bg; leave it out, or add --bg\n" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()
