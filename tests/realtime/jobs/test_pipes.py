"""`shm-video` between pipes: what goes in and comes out is the `ffmpeg` program's."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from engines.errors import MediaError
from realtime.inputs.media import piped
from realtime.inputs.media.piped import PipedVideo, index_at_end
from realtime.inputs.video_file import VideoSource
from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import VideoJob
from realtime.outputs.tracks.audio import AudioCopier
from realtime.outputs.video_file import VideoSink
from tests.commands import answers
from tests.realtime.clips import audio_packets, even_times, frame_times, frames, make_clip
from tests.realtime.jobs.flickering import FlickeringEngine
from tests.realtime.outputs.test_formats import needs_ffmpeg

ROOT = Path(__file__).parents[3]
FFMPEG = ["ffmpeg", "-v", "error"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")


def shm_video(*arguments: object, seconds: float = 0) -> list[str]:
    """The command with an engine that takes so many seconds a frame."""
    return [sys.executable, "-m", "tests.realtime.jobs.flickering", str(seconds), *map(str, arguments)]


def run(command: list[str], data: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, cwd=ROOT, input=data, capture_output=True, timeout=120)


def edit_here(source: Path, target: Path) -> None:
    """What `shm_video(source, target, "--crf", 0)` does, in this process: the start of another takes longer than the work."""
    with VideoJob(source, target, VideoSettings(crf=0)) as job:
        job.run(FlickeringEngine())


def said(done: "subprocess.CompletedProcess[bytes]") -> str:
    return done.stderr.decode()


def subtitles(path: Path) -> bytes:
    entries = ["-show_entries", "packet=pts_time,duration_time,data_hash", "-show_data_hash", "md5"]
    return run(["ffprobe", "-v", "error", "-select_streams", "s", *entries, str(path)]).stdout


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Pictures, sound and subtitles, 4 s."""
    clip = make_clip(tmp_path / "clip.mp4", even_times(100), audio="aac")
    (tmp_path / "in.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nGood\n\n2\n00:00:02,000 --> 00:00:03,000\nbye\n")
    film = tmp_path / "film.mkv"
    subprocess.run([*FFMPEG, "-i", str(clip), "-i", str(tmp_path / "in.srt"), "-c", "copy", str(film)], check=True, timeout=60)
    return film


@needs_ffmpeg
@pytest.mark.parametrize("form", [["matroska"], ["mpegts"], ["nut"], ["mp4", "-movflags", "frag_keyframe+empty_moov"]])
def test_a_film_through_a_pipe_is_the_film(tmp_path: Path, film: Path, form: list[str]) -> None:
    """Also where the sender takes breaks."""
    whole, out, sent = tmp_path / "whole.mkv", tmp_path / "out.mkv", tmp_path / "sent"
    maps = ["-map", "0"] if form == ["matroska"] else []
    subprocess.run([*FFMPEG, "-i", str(film), *maps, "-c", "copy", "-f", *form, str(sent)], check=True, timeout=60)
    edit_here(sent, whole)
    data = sent.read_bytes()
    with subprocess.Popen(shm_video("-", out, "--crf", 0), cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        for begin in range(0, len(data), len(data) // 7):
            process.stdin.write(data[begin : begin + len(data) // 7])
            process.stdin.flush()
            time.sleep(0.05)
        _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert error.decode().count("\n") == 1
    assert len(frame_times(out)) == 100
    assert frame_times(out) == frame_times(whole)
    for one, other in zip(frames(out), frames(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert audio_packets(out) == audio_packets(whole)
    assert len(audio_packets(out)) > 100
    assert subtitles(out) == subtitles(whole)
    assert (b"data_hash" in subtitles(out)) == bool(maps)


@needs_ffmpeg
def test_a_sender_who_is_cut_off_or_no_longer_needed(tmp_path: Path, film: Path) -> None:
    out = tmp_path / "out.mp4"
    data = film.read_bytes()
    done = run(shm_video("-", out), data[: len(data) // 2])
    assert done.returncode == 0
    assert 20 < len(frame_times(out)) < 80
    assert "-: ends at " in said(done)
    endless = [*FFMPEG, "-f", "lavfi", "-i", "testsrc=size=96x64:rate=25", "-f", "nut", "-c:v", "rawvideo", "-"]
    with subprocess.Popen(endless, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as sender:
        command = shm_video("-", out, "-y", "--frames", 30, "--no-audio")
        done = subprocess.run(command, cwd=ROOT, stdin=sender.stdout, capture_output=True, timeout=120)
        assert sender.stdout is not None
        sender.stdout.close()
        sender.wait(timeout=120)
    assert done.returncode == 0
    assert len(frame_times(out)) == 30


def feeding(write: Callable[[IO[bytes]], object]) -> tuple[int, threading.Thread]:
    """A pipe that a thread writes to."""
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb") as file:  # noqa: PTH123
            write(file)

    thread = threading.Thread(target=feed)
    thread.start()
    return reading, thread


def test_memory_does_not_grow_with_what_comes(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.nut", even_times(400), size=(160, 120), codec="rawvideo", audio="pcm_s16le")
    most = 0
    reading, thread = feeding(lambda file: file.write(clip.read_bytes()))
    media = PipedVideo(reading)
    with VideoSource(media) as source, AudioCopier(media) as sound:
        for packet in source:
            most = max(most, len(media._data))
            while (following := next(sound._demux(sound._container.streams.audio), None)) is not None:
                if following.pts is not None and following.pts * following.time_base > packet.time:
                    break
        with pytest.raises(MediaError, match="can be read only once"):
            list(source)
    thread.join()
    os.close(reading)
    assert clip.stat().st_size > 10_000_000
    assert most < 2_000_000


def test_sound_that_ends_early_is_not_waited_for(tmp_path: Path) -> None:
    """A second of sound beside 16 of pictures: the search for more of it goes on with the pictures, and keeps few bytes."""
    clip = make_clip(
        tmp_path / "in.nut", even_times(400), size=(160, 120), codec="rawvideo", audio="pcm_s16le", audio_seconds=1
    )
    out = tmp_path / "out.mkv"
    most = 0
    reading, thread = feeding(lambda file: file.write(clip.read_bytes()))
    media = PipedVideo(reading)
    with (
        VideoSource(media) as source,
        AudioCopier(media, origin=source.origin) as sound,
        VideoSink(out, width=160, height=120, audio=sound) as sink,
    ):
        for packet in source:
            packet.picture = packet.frame
            sink.write(packet)
            most = max(most, len(media._data))
    thread.join()
    os.close(reading)
    assert clip.stat().st_size > 10_000_000
    assert most < 3_000_000
    assert [content for _, content in audio_packets(out)] == [content for _, content in audio_packets(clip)]


def test_memory_does_not_grow_where_a_transport_stream_is_joined_long_before_a_key_frame(tmp_path: Path) -> None:
    """FFmpeg then knows no size at first, and the video is opened once more for it."""
    options = {"g": "300", "keyint_min": "300", "sc_threshold": "0", "crf": "0"}
    whole = make_clip(tmp_path / "in.ts", even_times(320), options=options).read_bytes()
    filling = b"\x47\x1f\xff\x10" + bytes(184)  # a packet without content, as stations send them
    data = b"".join(whole[place : place + 188] + 20 * filling for place in range(188 * 20, len(whole), 188))
    reading, thread = feeding(lambda file: file.write(data))
    media = PipedVideo(reading)
    with VideoSource(media, threads=1) as source:
        assert len(list(source)) == 20
        kept = len(media._data)
    thread.join()
    os.close(reading)
    assert len(data) > 500_000
    assert kept < 200_000


def test_pictures_that_do_not_come_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piped, "BEGINNING", 1 << 20)
    clip = make_clip(tmp_path / "in.nut", even_times(3), size=(1024, 1024), codec="rawvideo")
    with clip.open("rb") as file, pytest.raises(MediaError, match="no picture comes within 1 MB"):
        VideoSource(PipedVideo(file.fileno()))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "nothing has come through the pipe"),
        (b"no video\n" * 1000, "is not a video that can be read"),
        (b"#EXTM3U\n/etc/passwd\n", "is not a video that can be read"),
        (b"ffconcat version 1.0\nfile /films/film.mkv\n", "is not a video that can be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a video|has no video"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\0\x08free\x7f\0\0\0mdat" + bytes(9000), "index at its end"),
    ],
    ids=["nothing", "text", "playlist", "list", "picture", "mp4"],
)
def test_what_is_no_stream_of_video_is_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    reading, thread = feeding(lambda file: file.write(data))
    with pytest.raises(MediaError, match=f"-: .*({says})") as error:
        VideoSource(PipedVideo(reading))
    assert "\n" not in str(error.value)
    thread.join()
    os.close(reading)


def test_an_index_at_the_end_is_known_by_the_first_boxes() -> None:
    begin = b"\0\0\0\x10ftypisom\0\0\0\0"
    assert index_at_end(begin + b"\0\0\0\x08wide" + b"\0\0\0\0mdat")
    assert index_at_end(b"\0\0\0\x01mdat")
    assert index_at_end(begin + b"\0\0\0\x01free" + (20).to_bytes(8) + bytes(4) + b"\0\0\0\0mdat")  # a length in 64 bits
    assert not index_at_end(begin + b"\0\0\1\0moov")
    assert not index_at_end(b"\x1a\x45\xdf\xa3" * 10)
    assert not index_at_end(b"\0\0\0\0free" + begin)


def test_what_needs_a_file_is_refused(tmp_path: Path) -> None:
    cases = {
        ("--resume",): "--resume: a pipe can be read only once",
        ("--shard", "1/2"): "--shard: a pipe can be read only once",
        ("--start", "1"): "--start: a pipe can be read only once",
        ("--keep", "10,10@1"): "--keep 10,10@1: a pipe can be read only once",
        ("--rate", "25"): "--rate: - is no sequence of pictures",
    }
    lines = [("realtime.commands.video", ["shm-video", "-", str(tmp_path / "out.mp4"), *options]) for options in cases]
    for answer, says in zip(answers(lines), cases.values(), strict=True):
        assert answer.code == 2
        assert answer.errors.startswith(f"error: {says}")
        assert answer.errors.count("\n") == 1


def test_a_terminal_is_no_video(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    with pytest.raises(MediaError, match="-: standard input is a terminal; pipe a video into it"):
        PipedVideo(theirs)
    os.close(ours)
    os.close(theirs)


def test_ctrl_c_ends_it_while_nothing_comes(tmp_path: Path) -> None:
    """Before anything has come, within its beginning, and later."""
    clip = make_clip(tmp_path / "in.nut", even_times(50), codec="rawvideo")
    data = clip.read_bytes()
    with ExitStack() as stack:
        processes = []
        for share in (0, 0.03, 0.7):
            command = shm_video("-", tmp_path / f"{share}.mp4")
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            processes.append(stack.enter_context(process))
            assert process.stdin is not None
            process.stdin.write(data[: int(share * len(data))])
            process.stdin.flush()
        time.sleep(3)
        for process in processes:
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 130
            assert process.stderr is not None
            assert process.stderr.read().decode() == "stopped\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.nut"]
