"""Sound that is damaged, disordered or joined: it is copied as far as a file can hold it, in step with its pictures."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from realtime.chapters import Chapter
from realtime.inputs.video_file import VideoSource
from realtime.outputs.tracks.audio import AudioCopier, AudioNotSupported
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import audio_packets, even_times, frame_times, make_clip

ROOT = Path(__file__).parents[4]
CONTAINERS = [".mp4", ".mov", ".mkv"]


def copy(clip: Path, out: Path) -> int:
    """A clip through source and sink; returns the number of damaged packets of sound."""
    with VideoSource(clip) as source:
        audio = AudioCopier(clip, origin=source.origin)
        with VideoSink(out, width=source.width, height=source.height, time_base=source.time_base, audio=audio) as sink:
            for packet in source:
                packet.picture = packet.frame
                sink.write(packet)
    return audio.damaged


def remux(clip: Path, out: Path, change: Callable[[Any, int], object]) -> Path:
    """Copy a clip; `change` gets each packet and its number in its stream, and changes it."""
    with av.open(str(clip)) as source, av.open(str(out), "w") as target:
        copies = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        counts = dict.fromkeys(copies, 0)
        for packet in source.demux():
            if packet.dts is not None:
                index = packet.stream.index
                change(packet, counts[index])
                counts[index] += 1
                packet.stream = copies[index]
                target.mux(packet)
    return out


def move(packet: Any, seconds: Fraction) -> None:
    packet.dts += round(seconds / packet.time_base)
    packet.pts += round(seconds / packet.time_base)


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_doubled_times_of_sound_are_moved_by_a_tick(tmp_path: Path, suffix: str) -> None:
    def double(packet: Any, number: int) -> None:
        if packet.stream.type == "audio" and number in (9, 17):
            move(packet, -packet.duration * packet.time_base)

    make_clip(tmp_path / "clip.mp4", even_times(25), audio="aac")
    clip = remux(tmp_path / "clip.mp4", tmp_path / "doubled.mkv", double)
    assert copy(clip, tmp_path / f"out{suffix}") == 0
    ours, theirs = audio_packets(tmp_path / f"out{suffix}"), audio_packets(clip)
    assert len({time for time, _ in theirs}) == len(theirs) - 2
    assert [content for _, content in ours] == [content for _, content in theirs]
    assert all(abs(a - b) <= Fraction(1, 1000) for (a, _), (b, _) in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_wrong_time_of_sound_moves_no_other_packet(tmp_path: Path, seconds: int) -> None:
    clip = make_clip(tmp_path / "clip.mkv", even_times(50), audio="aac")
    content = bytearray(clip.read_bytes())
    place = content.index(audio_packets(clip)[20][1]) - 3  # of its time in milliseconds since its cluster, before its flags
    content[place : place + 2] = (1000 * seconds).to_bytes(2, signed=True)
    clip.write_bytes(content)
    assert copy(clip, tmp_path / "out.mp4") == 0
    times = [float(time) for time, _ in audio_packets(tmp_path / "out.mp4")]
    assert len(times) == len(audio_packets(clip))
    assert all(0.019 < later - earlier < 0.024 for earlier, later in pairwise(times))


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_damaged_packets_of_sound_are_left_out_and_counted(tmp_path: Path, suffix: str) -> None:
    clip = make_clip(tmp_path / "clip.ts", even_times(25), audio="aac")
    content = bytearray(clip.read_bytes())
    header = audio_packets(clip)[20][1][:7]  # of ADTS
    content[content.index(header, len(content) // 4) + 2] |= 0x3C  # a rate that there is not
    clip.write_bytes(content)
    damaged = copy(clip, tmp_path / f"out{suffix}")
    assert damaged > 0
    assert len(frame_times(tmp_path / f"out{suffix}")) == 25
    assert len(audio_packets(tmp_path / f"out{suffix}")) == len(audio_packets(clip)) - damaged > 30


def joined(tmp_path: Path, lengths: list[int], begins: list[int], *, silent: int | None = None) -> Path:
    """Transport streams one after the other: each of so many frames, its clock from so many seconds on."""
    pieces = []
    for number, (length, begin) in enumerate(zip(lengths, begins, strict=True)):
        sound = None if number == silent else "aac"
        piece = make_clip(tmp_path / f"{number}.ts", even_times(length), audio=sound, options={"bf": "2"})
        pieces.append(
            remux(piece, tmp_path / f"moved-{number}.ts", lambda packet, _, begin=begin: move(packet, Fraction(begin)))
        )
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("lengths", "begins", "silent"),
    [
        ([40, 40], [0, 0], None),
        ([30, 60], [0, 0], None),
        ([60, 30], [0, 0], None),
        ([10, 10, 10], [0, 0, 0], None),
        ([40, 40], [0, 3600], None),
        ([40, 40], [3600, 0], None),
        ([40, 20, 40], [0, 0, 0], 1),
    ],
)
def test_joined_transport_streams_stay_in_step(
    tmp_path: Path, lengths: list[int], begins: list[int], silent: int | None, suffix: str
) -> None:
    clip = joined(tmp_path, lengths, begins, silent=silent)
    assert copy(clip, tmp_path / f"out{suffix}") == 0
    times = frame_times(tmp_path / f"out{suffix}")
    assert [time - times[0] for time in times] == pytest.approx([Fraction(n, 25) for n in range(sum(lengths))], abs=2e-3)
    sound = audio_packets(tmp_path / f"out{suffix}")
    theirs = [content for _, content in audio_packets(clip)]
    assert all(adts.endswith(raw) for (_, raw), adts in zip(sound, theirs, strict=True))
    first, last = tmp_path / "moved-0.ts", tmp_path / f"moved-{len(lengths) - 1}.ts"
    assert sound[0][0] - times[0] == pytest.approx(audio_packets(first)[0][0] - frame_times(first)[0], abs=2e-3)
    assert sound[-1][0] - times[-1] == pytest.approx(audio_packets(last)[-1][0] - frame_times(last)[-1], abs=2e-3)


@pytest.mark.parametrize(
    ("codec", "suffix", "others"),
    [
        ("pcm_s24le", ".mp4", "write to .mov or write to .mkv or "),
        ("pcm_f32le", ".m4v", "write to .mov or write to .mkv or "),
        ("libopus", ".mov", "write to .mp4 or write to .mkv or write to .webm or "),
    ],
)
def test_sound_that_players_of_a_container_cannot_play_is_steered_to_another(
    tmp_path: Path, codec: str, suffix: str, others: str
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", audio=codec)
    with pytest.raises(AudioNotSupported, match=rf"cannot hold the audio of .*; {others}leave the audio out"):
        copy(clip, tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == [clip]
    copy(clip, tmp_path / "out.mkv")
    assert [content for _, content in audio_packets(tmp_path / "out.mkv")] == [content for _, content in audio_packets(clip)]


@pytest.mark.parametrize(
    ("codec", "name"),
    [("pcm_mulaw", "a.mov"), ("pcm_alaw", "a.mov"), ("adpcm_ima_wav", "a.avi"), ("adpcm_ms", "a.avi")],
)
def test_matroska_holds_sound_by_its_tag_in_wav_files(tmp_path: Path, codec: str, name: str) -> None:
    video = {"codec": "mpeg4", "time_base": Fraction(1, 25)}
    clip = make_clip(tmp_path / name, even_times(25), audio=codec, **video)  # type: ignore[arg-type]
    copy(clip, tmp_path / "out.mkv")
    ours, theirs = audio_packets(tmp_path / "out.mkv"), audio_packets(clip)
    assert b"".join(content for _, content in ours) == b"".join(content for _, content in theirs)
    assert len(frame_times(tmp_path / "out.mkv")) == 25
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.audio[0].codec_context.name == codec
        assert sum(frame.samples for frame in container.decode(audio=0)) >= 47_000


NEVER_CLOSED = """
import gc, sys
from realtime.inputs.video_file import VideoSource
from realtime.outputs.tracks.audio import AudioCopier
from realtime.outputs.video_file import VideoSink

def write(clip, out):
    with VideoSource(clip) as source:
        sink = VideoSink(out, width=source.width, height=source.height, audio=AudioCopier(clip))
        for packet in source:
            packet.picture = packet.frame
            sink.write(packet)
        return sink

sink = write(*sys.argv[1:3])
exec(sys.argv[3])
"""

FAILING = """
def fail(*arguments, **options):
    raise OSError(5, "Input/output error")

sink._audio.copy = fail
sink.close()
"""


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("del sink", 0),
        ("sink.itself = sink; del sink; gc.collect()", 0),
        ("pass", 0),
        ("raise ValueError", 1),
        pytest.param(FAILING, 1, id="close that fails"),
    ],
)
def test_a_sink_that_is_never_completed_holds_nothing_up(tmp_path: Path, then: str, code: int) -> None:
    """FFmpeg's muxer with a thread of its own, which such sound needs, waited for ever."""
    clip = make_clip(tmp_path / "a.mov", audio="pcm_mulaw")
    command = [sys.executable, "-c", NEVER_CLOSED, str(clip), str(tmp_path / "out.mkv"), then]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == code, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.mov"]


def test_chapters_are_not_lost_beside_such_sound(tmp_path: Path) -> None:
    """A program that wants both gets the sound converted if it allows that, and is refused otherwise."""
    clip, out = make_clip(tmp_path / "a.mov", even_times(25), audio="pcm_mulaw"), tmp_path / "out.mkv"
    chapters = [Chapter("Hands", Fraction(0), Fraction(1, 2)), Chapter("Hats", Fraction(1, 2), Fraction(1))]
    says = r"out.mkv: cannot hold the audio of .*a.mov \(pcm_mulaw\) beside chapters; write to .mov or leave the chapters or"
    with (
        pytest.raises(AudioNotSupported, match=says),
        VideoSink(out, width=96, height=64, audio=AudioCopier(clip), chapters=chapters),
    ):
        pass
    assert not out.exists()
    for convert, name in ((True, "out.mkv"), (False, "out.mov")):
        audio = AudioCopier(clip, convert=convert)
        with VideoSource(clip) as source:
            size = {"width": source.width, "height": source.height}
            with VideoSink(tmp_path / name, audio=audio, chapters=chapters, **size) as sink:
                for packet in source:
                    packet.picture = packet.frame
                    sink.write(packet)
        assert audio.converted == ("pcm_mulaw to Opus" if convert else None)
        with av.open(str(tmp_path / name)) as container:
            assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["Hands", "Hats"]
            assert len(container.streams.audio) == 1
