"""Sound that a container cannot hold, converted: as long as it was, in step, and the same to the ear."""

import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.inputs.video_file import VideoSource
from realtime.outputs.tracks.audio import AudioCopier
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import even_times, make_clip
from tests.realtime.outputs.tracks.test_audio import remux

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")


def convert(clip: Path, out: Path) -> AudioCopier:
    with VideoSource(clip) as source:
        audio = AudioCopier(clip, origin=source.origin, convert=True)
        with VideoSink(out, width=source.width, height=source.height, audio=audio) as sink:
            for packet in source:
                packet.picture = packet.frame
                sink.write(packet)
    return audio


def samples(path: Path, track: int = 0) -> NDArray[np.float32]:
    """A track as the ffmpeg program decodes it: mono, 48,000 a second."""
    raw = ["-map", f"0:a:{track}", "-ar", "48000", "-ac", "1", "-f", "f32le", "-"]
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), *raw], capture_output=True, check=True, timeout=60)
    return np.frombuffer(done.stdout, np.float32)


@pytest.mark.parametrize(
    ("codec", "clip", "out", "says"),
    [
        ("aac", "clip.mp4", "out.webm", "aac to Opus"),
        ("pcm_s24le", "clip.mkv", "out.mp4", "pcm_s24le to AAC"),
        ("libopus", "clip.mkv", "out.mov", "opus to AAC"),
        ("pcm_mulaw", "clip.mov", "out.m4v", "pcm_mulaw to AAC"),
    ],
)
def test_converted_sound_is_as_long_in_step_and_alike(tmp_path: Path, codec: str, clip: str, out: str, says: str) -> None:
    tracks = 2 if codec == "aac" else 1
    source = make_clip(tmp_path / clip, even_times(25), audio=codec, tracks=tracks)
    audio = convert(source, tmp_path / out)
    assert (audio.converted, audio.damaged) == (says, 0)
    for track in range(tracks):
        ours, theirs = samples(tmp_path / out, track), samples(source, track)
        assert abs(len(ours) - len(theirs)) <= 1024
        inner = slice(4_800, 40_000)
        assert np.abs(ours[inner] - theirs[inner]).mean() < 0.02  # of a tone of 0.3; half a millisecond late would be 0.1


def test_what_the_container_holds_is_copied_beside_what_is_converted(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", even_times(5), audio="libopus")
    assert convert(clip, tmp_path / "out.webm").converted is None
    with av.open(str(tmp_path / "out.webm")) as ours, av.open(str(clip)) as theirs:
        contents = [[bytes(packet) for packet in file.demux(audio=0) if packet.size] for file in (ours, theirs)]
    assert contents[0] == contents[1]


def later_by(seconds: Fraction) -> Callable[[Any, int], None]:
    """Moves all packets of sound but the first ten, for `remux`."""

    def move(packet: Any, number: int) -> None:
        if packet.stream.type == "audio" and number >= 10:
            ticks = round(seconds / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks

    return move


def test_missing_packets_are_silence_and_what_follows_keeps_its_time(tmp_path: Path) -> None:
    make_clip(tmp_path / "whole.mp4", even_times(50), audio="aac", audio_seconds=1)
    clip = remux(tmp_path / "whole.mp4", tmp_path / "clip.mkv", later_by(Fraction(1, 2)))
    convert(clip, tmp_path / "out.webm")
    heard = np.abs(samples(tmp_path / "out.webm"))
    assert len(heard) == pytest.approx(1.5 * 48_000, abs=2_400)
    assert heard[14_400:31_200].max() < 0.02  # from 0.3 to 0.65 s
    assert heard[4_800:7_200].max() > 0.2
    assert heard[40_000:60_000].max() > 0.2


def test_a_long_pause_is_silence_in_little_memory(tmp_path: Path) -> None:
    """In one piece it would take 12 MB, and one of hours FFmpeg refuses."""
    make_clip(tmp_path / "whole.mp4", even_times(61, 1), rate=1, audio="aac", audio_seconds=1)
    clip = remux(tmp_path / "whole.mp4", tmp_path / "clip.mkv", later_by(Fraction(60)))
    tracemalloc.start()
    audio = convert(clip, tmp_path / "out.webm")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert audio.damaged == 0
    assert most < 2_000_000
    heard = np.abs(samples(tmp_path / "out.webm"))
    assert len(heard) == pytest.approx(61 * 48_000, abs=2_400)
    assert heard[14_400 : 60 * 48_000 + 7_200].max() < 0.02
    assert heard[60 * 48_000 + 20_000 :].max() > 0.2


def test_sound_is_named_by_its_codec_not_by_what_decodes_it(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", even_times(5), audio="libmp3lame")
    with AudioCopier(clip, convert=True) as audio:
        assert audio.check(tmp_path / "out.webm") == "mp3 to Opus"  # and not mp3float
