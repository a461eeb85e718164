"""`shm-video --output-kind`, from end to end."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from realtime.inputs.video_file import VideoSource
from realtime.outputs.encoding import nvenc
from realtime.outputs.formats import CODECS, Codec
from tests.realtime.clips import BALL, audio_packets, even_times, frame_times, frames, make_clip
from tests.realtime.commands.test_video import BallEngine, engine, shm_video

__all__ = ["engine"]  # the fixture


def test_a_cut_out_for_an_editor_has_alpha_sound_and_the_persons_colours(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(5), audio="aac")
    out = tmp_path / "out.mov"
    assert shm_video(monkeypatch, clip, out, "--output-kind", "cutout") == 0
    assert frame_times(out) == frame_times(clip)
    assert audio_packets(out) == audio_packets(clip)
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "prores"
        shown = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert [int(frame[32, 24, 3]) for frame in shown] == [255] * 5
    assert [int(frame[60, 90, 3]) for frame in shown] == [0] * 5
    assert np.abs(shown[0][60, 90, :3].astype(int) - BALL).max() < 24  # not the old ground


@pytest.mark.parametrize(("kind", "inside", "outside"), [("alpha", (255, 255, 255), (0, 0, 0)), ("foreground", BALL, BALL)])
def test_the_parts_of_a_cut_out_alone(
    tmp_path: Path,
    engine: BallEngine,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    inside: tuple[int, int, int],
    outside: tuple[int, int, int],
) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(3))
    assert shm_video(monkeypatch, clip, tmp_path / "out.mkv", "--output-kind", kind, "--codec", "ffv1") == 0
    for frame in frames(tmp_path / "out.mkv"):
        assert np.abs(frame[32, 26].astype(int) - inside).max() < 12
        assert np.abs(frame[60, 90].astype(int) - outside).max() < 24


def test_sound_that_a_web_page_needs_in_another_form_is_converted_and_it_is_said(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(5), audio="aac"), tmp_path / "out.webm"
    assert shm_video(monkeypatch, clip, out, "--output-kind", "cutout") == 0
    assert f"{out}: its sound was converted, aac to Opus, which .webm can hold\n" in capsys.readouterr().err
    with VideoSource(out) as shown:
        assert shown.audio == ("opus",)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["out.mp4", "--output-kind", "cutout"], "out.mp4: .mp4 holds no alpha; end its name in .mov, .mkv, .webm"),
        (["out.mov", "--output-kind", "cutout", "--bg", "red"], "--bg: there is no background in --output-kind cutout"),
        (["out.mov", "--output-kind", "cutout", "--bg", ""], "--bg: there is no background in --output-kind cutout"),
        (["out.mp4", "--bg", ""], "--bg: is empty; name a background, or leave it out"),
        (["out.mov", "--output-kind", "alpha", "--light-wrap", "1"], "--light-wrap: there is no background"),
        (["out.mov", "--output-kind", "alpha", "--fit", "stretch"], "--fit: there is no background"),
        (["out.mp4", "--fit", "contain"], "--fit is for --bg; leave it out, or add --bg"),
        (["out.mov", "--codec", "prores", "--preset", "slow"], "--preset slow: ProRes 422 HQ, with alpha 4444 takes no preset"),
        (["%03d.png", "--preset", "slow"], "--preset slow: PNG takes no preset; leave it out"),
        (["out.mov", "--premultiplied"], "--premultiplied: only --output-kind cutout has alpha"),
        (["out.mov", "--codec", "prores", "--crf", "20"], "--crf 20: ProRes 422 HQ, with alpha 4444 takes no crf"),
        (["out.mp4", "--crf", "60"], "--crf 60: H.264 takes a crf of 0 to 51"),
        (["out.mp4", "--crf", "20", "--bitrate", "8M"], "--bitrate: a crf and a bitrate exclude each other"),
        (["out.mov", "--codec", "prores", "--bitrate", "8M"], "--bitrate: ProRes 422 HQ, with alpha 4444 takes no bitrate"),
        (["out.mp4", "--bitrate", "fast"], "--bitrate fast: give bits per second, such as 8M or 800k"),
        (["out.mp4", "--bitrate", "1"], "--bitrate 1: give bits per second"),
        (["out.mkv", "--codec", "ffv1", "--nvenc"], "--nvenc: does not encode ffv1; take h264, hevc, av1"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    tmp_path: Path,
    engine: BallEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(Path("in.mp4"), even_times(2), audio="aac")
    assert shm_video(monkeypatch, "in.mp4", *words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {says}")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_sequence_of_pictures_says_that_it_holds_no_sound(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(3), audio="aac")
    out = tmp_path / "out/%04d.png"
    assert shm_video(monkeypatch, clip, out, "--output-kind", "cutout") == 0
    assert f"{out}: pictures hold no sound; that of {clip} is left out\n" in capsys.readouterr().err
    assert sorted(path.name for path in out.parent.iterdir()) == ["0001.png", "0002.png", "0003.png"]
    shown = cv2.imread(str(tmp_path / "out/0001.png"), cv2.IMREAD_UNCHANGED)
    assert shown is not None
    assert [int(shown[32, 24, 3]), int(shown[60, 90, 3])] == [255, 0]
    assert np.abs(shown[60, 90, 2::-1].astype(int) - BALL).max() < 24


def test_the_mattes_in_a_second_file(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(3), audio="aac")
    words = ["--output-kind", "foreground", "--codec", "prores", "--alpha-out", tmp_path / "matte.mov"]
    assert shm_video(monkeypatch, clip, tmp_path / "out.mov", *words) == 0
    for name, outside in (("out.mov", BALL), ("matte.mov", (0, 0, 0))):
        with VideoSource(tmp_path / name) as shown:
            assert shown.audio == (("aac",) if name == "out.mov" else ())
        assert frame_times(tmp_path / name) == frame_times(clip)
        assert np.abs(frames(tmp_path / name)[2][60, 90].astype(int) - outside).max() < 24
    with av.open(str(tmp_path / "matte.mov")) as container:
        assert container.streams.video[0].codec_context.name == "prores"


def test_when_the_mattes_cannot_be_written_there_is_no_picture_either(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(Path("in.mp4"), even_times(2))
    Path("there.mov").write_bytes(b"precious")
    for name, says in (
        ("out.mp4", "--alpha-out out.mp4: is OUT"),
        ("in.mp4", "in.mp4: is the same file as IN"),
        ("there.mov", "there.mov: exists already; use --overwrite"),
        ("matte.gif", "matte.gif: unknown kind of video file"),
    ):
        assert shm_video(monkeypatch, "in.mp4", "out.mp4", "--alpha-out", name) == 2
        assert capsys.readouterr().err.startswith(f"error: {says}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "there.mov"]
    assert Path("there.mov").read_bytes() == b"precious"


def test_a_source_of_ten_bits_gives_ten_bits_at_the_bit_rate_asked_for(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "in.mkv", even_times(10), codec="libx265", pix_fmt="yuv420p10le")
    sizes = []
    for bitrate in ("20k", "1.5M"):
        out = tmp_path / f"{bitrate}.mp4"
        assert shm_video(monkeypatch, clip, out, "--codec", "hevc", "--bitrate", bitrate, "--bg", "checkerboard") == 0
        sizes.append(out.stat().st_size)
        with VideoSource(out) as shown:
            assert shown.bit_depth == 10
    assert sizes[0] < sizes[1]
    assert shm_video(monkeypatch, clip, tmp_path / "out.mp4") == 0
    with VideoSource(tmp_path / "out.mp4") as shown:
        assert shown.bit_depth == 8  # H.264 of more is not played by most


def test_where_nvenc_does_not_open_software_encodes_and_it_is_said(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def create(name: str, mode: str) -> None:
        raise av.PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(nvenc.VideoCodecContext, "create", create, raising=False)
    clip, out = make_clip(tmp_path / "in.mp4", even_times(2)), tmp_path / "out.mp4"
    assert shm_video(monkeypatch, clip, out, "--nvenc", "--alpha-out", tmp_path / "matte.mkv") == 0
    said = f"{out}: NVENC cannot be opened here (Operation not permitted); it is encoded in software\n"
    assert said in capsys.readouterr().err
    assert len(frames(out)) == 2


@pytest.mark.parametrize(
    "codec", [codec for codec in CODECS.values() if codec.encoder is not None], ids=lambda codec: codec.name
)
def test_segments_of_each_format_are_joined(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, codec: Codec
) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(3)), tmp_path / f"out{codec.suffixes[0]}"
    kind = "composite" if codec.cutout is None else "cutout"
    assert shm_video(monkeypatch, clip, out, "--codec", codec.name, "--output-kind", kind, "--resume") == 0
    assert frame_times(out) == frame_times(clip)
