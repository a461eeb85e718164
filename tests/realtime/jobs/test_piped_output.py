"""`shm-video IN -`: Matroska on standard output, read by the `ffmpeg` program, and nothing else there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.commands import answers
from tests.realtime.clips import audio_packets, even_times, frame_times, frames, make_clip, matte, picture
from tests.realtime.jobs.test_pipes import FFMPEG, ROOT, edit_here, film, run, said, shm_video, subtitles
from tests.realtime.outputs.test_formats import needs_ffmpeg

__all__ = ["film"]  # the fixture
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")


@needs_ffmpeg
def test_what_comes_out_is_the_film(tmp_path: Path, film: Path) -> None:
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    edit_here(film, whole)
    done = run(shm_video(film, "-", "--crf", 0))
    assert done.returncode == 0
    assert said(done).count("\n") == 1
    assert said(done).startswith("-: 100 frames in ")
    out.write_bytes(done.stdout)
    assert run([*FFMPEG, "-xerror", "-i", str(out), "-map", "v", "-map", "a", "-f", "null", "-"]).stderr == b""
    assert frame_times(out) == frame_times(whole) == frame_times(film)
    for one, other in zip(frames(out), frames(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert audio_packets(out) == audio_packets(whole)
    assert subtitles(out) == subtitles(whole)
    assert b"data_hash" in subtitles(out)


@needs_ffmpeg
def test_between_two_programs_nothing_is_lost(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mkv", even_times(40), codec="ffv1", pix_fmt="bgr0"), tmp_path / "out"
    words = [*FFMPEG, "-i", str(clip), "-c", "copy", "-f", "nut", "-"]
    ours = shm_video("-", "-", "--output-kind", "cutout", "--codec", "ffv1", "--smooth", 0)
    raw = [*FFMPEG, "-i", "-", "-pix_fmt", "rgba", "-f", "rawvideo", str(out)]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE) as before,
        subprocess.Popen(ours, cwd=ROOT, stdin=before.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as shm,
        subprocess.Popen(raw, stdin=shm.stdout) as after,
    ):
        assert after.wait(timeout=60) == 0
    assert (before.returncode, shm.returncode) == (0, 0)
    cutouts = np.frombuffer(out.read_bytes(), np.uint8).reshape(-1, 64, 96, 4)
    assert len(cutouts) == 40
    for index, cutout in enumerate(cutouts):
        inside = matte(picture(index)).alpha > 0
        assert not cutout[~inside, 3].any()
        assert cutout[inside, 3].min() > 0.19 * 255  # the engine of the test weakens it
        assert np.abs(cutout[32, 24 + 2 * index % 48, :3].astype(int) - picture(index)[32, 24 + 2 * index % 48]).max() <= 1


@pytest.mark.parametrize(("codec", "suffix"), [("adpcm_ima_wav", ".avi"), ("pcm_mulaw", ".avi"), ("aac", ".ts")])
def test_sound_that_needs_a_file_is_converted(tmp_path: Path, codec: str, suffix: str) -> None:
    """By its tag in WAV files: FFmpeg opens it itself, and took the name for one. Without a head: it is written at the end."""
    clip, out = make_clip(tmp_path / f"in{suffix}", codec="mpeg4", audio=codec), tmp_path / "out.mkv"
    done = run(shm_video(clip, "-"))
    assert done.returncode == 0
    assert f"-: its sound was converted, {codec} to Opus, which .mkv can hold\n" in said(done)
    out.write_bytes(done.stdout)
    assert len(frames(out)) == 10
    assert audio_packets(out)


def test_mattes_alone_go_through_the_pipe(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4"), tmp_path / "matte.mkv"
    done = run(shm_video(clip, tmp_path / "out.mp4", "--alpha-out", "-"))
    assert done.returncode == 0
    out.write_bytes(done.stdout)
    assert len(frames(out)) == len(frames(tmp_path / "out.mp4")) == 10
    assert frames(out)[0][32, 24].max() > 40 > frames(out)[0][60, 90].max()


def test_a_reader_who_has_had_enough_ends_it_quietly(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(200), audio="aac")
    command = shm_video(clip, "-", "--codec", "ffv1", seconds=0.01)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1000)[:4] == b"\x1a\x45\xdf\xa3"
        process.stdout.close()
        process.stdout = None
        _, error = process.communicate(timeout=60)
    assert process.returncode == 141
    assert error == b""


def test_ctrl_c_ends_it_while_nobody_reads(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(500))
    with subprocess.Popen(
        shm_video(clip, "-", "--codec", "ffv1"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"stopped\n"


def test_what_a_pipe_cannot_take_is_refused(tmp_path: Path) -> None:
    clip = str(make_clip(tmp_path / "in.mp4"))
    cases = {
        (clip, "-", "--json"): "--json: standard output is taken by the video",
        (clip, "-", "--resume"): "--resume: what is written to a pipe is gone",
        (clip, "-", "--shard", "1/2"): "--shard: what is written to a pipe is gone",
        (clip, "-", "--codec", "prores"): "-: .mkv cannot hold prores; name a file that ends in .mov",
        (clip, "-", "--alpha-out", "-"): "--alpha-out -: is OUT; name another file",
        (str(tmp_path), "-"): f"-: standard output holds one video, and {tmp_path} names several",
    }
    made = answers([("realtime.commands.video", ["shm-video", *words]) for words in cases])
    for answer, says in zip(made, cases.values(), strict=True):
        assert answer.code == 2
        assert answer.output == ""
        assert answer.errors.startswith(f"error: {says}")
        assert answer.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("redirected", "says"),
    [("> /dev/full", "cannot be written (No space left on device); check its disk"), (">&-", "is closed; end the command")],
)
def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path, redirected: str, says: str) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    done = run(["sh", "-c", f'exec "$@" {redirected}', "sh", *shm_video(clip, "-")])
    assert done.returncode == 2
    assert said(done).startswith(f"error: -: standard output {says}")
    assert said(done).count("\n") == 1


def test_a_terminal_is_spared(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    ours, theirs = os.openpty()
    done = subprocess.run(shm_video(clip, "-"), cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, timeout=120)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: -: standard output is a terminal; end the command with | and a program")
