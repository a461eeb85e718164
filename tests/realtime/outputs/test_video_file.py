import os
import stat
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import MediaError
from realtime.inputs.video_file import VideoSource
from realtime.outputs.tracks.audio import AudioCopier
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet
from tests.realtime.clips import (
    BALL,
    GROUND,
    audio_packets,
    duration,
    even_times,
    frame_times,
    frames,
    make_clip,
    opencv_frames,
    picture,
)


def packets(times: list[Fraction], size: tuple[int, int] = (96, 64)) -> list[Packet]:
    shown = [picture(index, *size) for index in range(len(times))]
    return [Packet(frame, time, index, picture=frame) for index, (frame, time) in enumerate(zip(shown, times, strict=True))]


def copy(clip: Path, out: Path) -> None:
    """A clip through source and sink, with nothing in between."""
    with VideoSource(clip) as source:
        audio = AudioCopier(clip, origin=source.origin)
        facts = {"rate": source.rate, "time_base": source.time_base, "pixel_aspect": source.pixel_aspect}
        with VideoSink(out, width=source.width, height=source.height, audio=audio, **facts) as sink:  # type: ignore[arg-type]
            for packet in source:
                packet.picture = packet.frame
                sink.write(packet)


def test_pictures_and_colours_survive(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with VideoSink(out, width=96, height=64) as sink:
        for packet in packets(even_times(10)):
            sink.write(packet)
    assert os.listdir(tmp_path) == ["out.mp4"]  # noqa: PTH208
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        tags = (context.colorspace, context.color_range, context.color_primaries, context.color_trc)
        assert tags == (1, 1, 1, 1)  # BT.709, limited
    decoded = frames(out)
    assert len(decoded) == len(opencv_frames(out)) == 10
    for index, frame in enumerate(decoded):
        assert np.abs(frame.astype(int) - picture(index)).mean() < 3
        assert np.abs(frame[32, 24 + 2 * index].astype(int) - BALL).max() <= 6
        assert np.abs(frame[60, 90].astype(int) - GROUND).max() <= 4


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v"])
@pytest.mark.parametrize(
    "milliseconds", [(0, 40, 80, 120, 160), (0, 40, 41, 200, 233, 700, 701, 1500), (80, 113, 147), (0, 1001, 2002)]
)
def test_times_and_audio_are_kept_exactly(tmp_path: Path, milliseconds: tuple[int, ...], suffix: str) -> None:
    times = [Fraction(ms, 1000) for ms in milliseconds]
    clip = make_clip(tmp_path / "clip.mp4", times, audio="aac", audio_seconds=1.7, time_base=Fraction(1, 15_000))
    out = tmp_path / f"out{suffix}"
    copy(clip, out)
    assert frame_times(out) == frame_times(clip) == times
    assert len(opencv_frames(out)) == len(times)
    ours, theirs = audio_packets(out), audio_packets(clip)
    assert [content for _, content in ours] == [content for _, content in theirs]
    assert all(abs(a - b) <= Fraction(1, 1000) for (a, _), (b, _) in zip(ours, theirs, strict=True))
    assert duration(out) == pytest.approx(duration(clip), abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_of_an_absurd_rate_can_be_decoded(tmp_path: Path, suffix: str) -> None:
    """That of a damaged AVI."""
    rate, out = Fraction(536_870_937), tmp_path / f"out{suffix}"
    with VideoSink(out, width=64, height=48, rate=rate) as sink:
        for index in range(3):
            picture = np.full((48, 64, 3), 80 * index, np.uint8)
            sink.write(Packet(picture, index / rate, index, picture=picture))
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == 3


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), Fraction(30), Fraction(60)])
def test_the_last_frame_keeps_its_time_on_screen(tmp_path: Path, rate: Fraction) -> None:
    times = [index / rate for index in range(7)]
    clip = make_clip(tmp_path / "clip.mp4", times, rate=rate, time_base=1 / rate)
    copy(clip, tmp_path / "out.mp4")
    assert frame_times(tmp_path / "out.mp4") == times
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.frames == 7
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == pytest.approx(7 / rate, abs=1e-3)


def test_several_tracks_of_audio_with_their_names(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", audio="aac", tracks=2)
    copy(clip, tmp_path / "out.mp4")
    with VideoSource(tmp_path / "out.mp4") as source:
        assert source.audio == ("aac", "aac")
    for track in (0, 1):
        assert audio_packets(tmp_path / "out.mp4", track) == audio_packets(clip, track)


def test_audio_of_a_transport_stream_stays_with_its_pictures(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", even_times(25), audio="aac")
    copy(clip, tmp_path / "out.mp4")
    lag = frame_times(clip)[0] - audio_packets(clip)[0][0]
    assert frame_times(tmp_path / "out.mp4")[0] - audio_packets(tmp_path / "out.mp4")[0][0] == pytest.approx(lag, abs=1e-3)
    assert duration(tmp_path / "out.mp4") == pytest.approx(duration(clip), abs=0.05)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) >= 48_000


def test_audio_comes_between_the_pictures_it_belongs_to(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", even_times(200), audio="aac")
    copy(clip, tmp_path / "out.mkv")
    latest = {"video": 0.0, "audio": 0.0}
    with av.open(str(tmp_path / "out.mkv")) as container:
        for packet in container.demux():
            if packet.pts is not None:
                latest[packet.stream.type] = float(packet.pts * packet.time_base)
                assert abs(latest["video"] - latest["audio"]) < 0.5


def test_audio_that_the_container_cannot_hold_is_refused_at_once(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mov", audio="pcm_mulaw")
    says = r"out.mp4: cannot hold the audio of .*clip.mov \(pcm_mulaw\); write to .mov or write to .mkv or leave the audio out"
    with pytest.raises(MediaError, match=says):
        VideoSink(tmp_path / "out.mp4", width=96, height=64, audio=AudioCopier(clip))
    copy(clip, tmp_path / "out.mov")
    content = b"".join(content for _, content in audio_packets(clip))
    assert b"".join(content for _, content in audio_packets(tmp_path / "out.mov")) == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mov", "out.mov"]


@pytest.mark.parametrize("sound", [False, True])
def test_pictures_that_the_encoder_refuses_are_not_blamed_on_the_sound(tmp_path: Path, sound: bool) -> None:
    clip = make_clip(tmp_path / "clip.mov", audio="aac")
    with pytest.raises(MediaError, match=r"out.mp4: cannot be encoded \(.*\); write to another format$"):
        VideoSink(tmp_path / "out.mp4", width=17_000, height=64, audio=AudioCopier(clip) if sound else None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mov"]


@pytest.mark.parametrize("codec", ["pcm_s16le", "libmp3lame", "libopus", "flac", "ac3"])
def test_audio_of_other_codecs(tmp_path: Path, codec: str) -> None:
    clip = make_clip(tmp_path / "clip.mkv", audio=codec)
    copy(clip, tmp_path / "out.mp4")
    ours, theirs = (b"".join(content for _, content in audio_packets(tmp_path / name)) for name in ("out.mp4", "clip.mkv"))
    assert ours == theirs


@pytest.mark.parametrize("size", [(97, 64), (96, 65), (33, 35)])
def test_odd_sizes_grow_by_a_repeated_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    out = tmp_path / "out.mp4"
    with VideoSink(out, width=size[0], height=size[1]) as sink:
        for packet in packets(even_times(3), size):
            sink.write(packet)
    frame = frames(out)[0]
    width, height = size
    assert frame.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(frame[:height, :width].astype(int) - picture(0, *size)).mean() < 7
    assert np.abs(frame[-1, -1].astype(int) - GROUND).max() <= 8


def test_pixel_aspect_and_titles_are_kept(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as container:
        container.metadata["title"] = "Ball"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 96, 64
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(0), "rgb24")))
        container.mux(stream.encode(None))
    with VideoSource(clip) as source:
        assert source.pixel_aspect == Fraction(64, 45)
        size = {"width": source.width, "height": source.height}
        with VideoSink(tmp_path / "o.mp4", pixel_aspect=source.pixel_aspect, metadata=source.metadata, **size) as sink:
            sink.write(packets([Fraction(0)])[0])
    with VideoSource(tmp_path / "o.mp4") as source:
        assert source.pixel_aspect == Fraction(64, 45)
        assert source.metadata["title"] == "Ball"


@pytest.mark.skipif(sys.platform == "win32", reason="no colon in names of files")
@pytest.mark.parametrize("name", ["12:30:05.mp4", "10:30/out.mkv"])
def test_a_colon_in_a_relative_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    with VideoSink(
        name, width=96, height=64, recoverable=True
    ) as sink:  # as recordings are, whose unfinished file is not hidden
        for packet in packets(even_times(3)):
            sink.write(packet)
    assert len(frame_times(tmp_path / name)) == 3


def test_times_that_round_to_one_still_rise(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with VideoSink(out, width=96, height=64, time_base=Fraction(1, 1000)) as sink:
        for packet in packets([Fraction(index, 10_000) for index in range(5)]):
            sink.write(packet)
    assert frame_times(out) == [Fraction(index, 1000) for index in range(5)]


def test_an_error_leaves_nothing_and_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")

    def fail() -> None:
        with VideoSink(out, width=96, height=64, overwrite=True) as sink:
            for packet in packets(even_times(60)):
                sink.write(packet)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert out.read_bytes() == b"precious"


def test_overwrite_replaces_through_a_link_and_only_when_complete(tmp_path: Path) -> None:
    real = tmp_path / "real.mp4"
    real.write_bytes(b"old")
    link = tmp_path / "link.mp4"
    link.symlink_to(real)
    with VideoSink(link, width=96, height=64, overwrite=True) as sink:
        for packet in packets(even_times(3)):
            sink.write(packet)
        assert real.read_bytes() == b"old"
    assert link.is_symlink()
    assert len(frames(real)) == 3
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(real.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("there.mp4", "exists already"),
        ("folder", "is a folder"),
        ("no/such/out.mp4", "there is no folder"),
        ("out.gif", "unknown kind of video file '.gif'; end its name in .mp4"),
        ("out.png", "unknown kind"),
        ("out", "unknown kind"),
        ("there.mp4/out.mp4", "there is no folder"),
        ("x" * 300 + ".mp4", "cannot be"),
        ("/proc/out.mp4", "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "there.mp4").write_bytes(b"precious")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(MediaError, match=says) as raised:
        VideoSink(tmp_path / name, width=96, height=64)
    assert "\n" not in str(raised.value)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.mp4").read_bytes() == b"precious"


FULL_DISK = """
import resource, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from engines.errors import MediaError
from realtime.packet import Packet
from realtime.outputs.video_file import VideoSink
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
try:
    with VideoSink(sys.argv[1], width=320, height=240) as sink:
        for index in range(120):
            sink.write(Packet(noise, Fraction(index, 25), index, picture=np.roll(noise, index, 1)))
except MediaError as error:
    print(error)
    print(list(Path(sys.argv[1]).parent.iterdir()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file size")
def test_a_full_disk_is_reported_in_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "out.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, left = done.stdout.splitlines()
    assert "out.mp4: cannot be written (File too large); check the disk" in said
    assert left == "[]"


def test_a_packet_without_its_picture_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="picture"), VideoSink(tmp_path / "out.mp4", width=96, height=64) as sink:
        sink.write(Packet(picture(0), Fraction(0), 0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [1, 2])
def test_hevc_of_hardly_any_frames(tmp_path: Path, count: int) -> None:
    """x265 gives decoding times only of videos that are longer than its own delay."""
    out = tmp_path / "out.mp4"
    for begin in (0, 1, 2):
        times = [Fraction(begin + index, 25) for index in range(count)]
        with VideoSink(out, width=96, height=64, codec="hevc", preset="ultrafast", overwrite=True) as sink:
            for index, moment in enumerate(times):
                frame = picture(index)
                sink.write(Packet(frame, moment, index, picture=frame))
        assert frame_times(out) == times


def test_pictures_that_are_no_uint8_and_kinds_that_there_are_not_are_refused(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    with (
        pytest.raises(ValueError, match=r"a picture of 64x48, uint8 RGB, not an array, float32 \(48, 64, 3\)"),
        VideoSink(tmp_path / "a.mp4", width=64, height=48) as sink,
    ):
        sink.write(Packet(frame, Fraction(0), 0, picture=frame.astype(np.float32)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown kind 'cut-out'; there are composite, alpha, foreground, cutout"):
        VideoSink(tmp_path / "a.mov", width=64, height=48, kind="cut-out")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
