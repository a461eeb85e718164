import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import MediaError
from realtime.loop.live_session import output_stage
from realtime.loop.pipeline import Pipeline
from realtime.loop.queue import Policy
from realtime.outputs.output import Output, VideoFormat
from realtime.outputs.pipe import Cadence
from realtime.outputs.recording import Recording
from realtime.outputs.virtual_camera import open_virtual_camera
from realtime.packet import Packet
from tests.realtime.clips import duration, even_times, frame_times, frames, picture

FORM = VideoFormat(96, 64, Fraction(25))
ROOT = Path(__file__).parents[3]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="V4L2 is Linux's")


def packet(index: int, time: Fraction | None = None, width: int = 96) -> Packet:
    frame = picture(index, width, 64)
    return Packet(frame, Fraction(index, 25) if time is None else time, index, picture=frame)


def test_a_recording_begins_at_its_first_picture_and_keeps_uneven_times(tmp_path: Path) -> None:
    times = [Fraction(x) for x in ("7.5", "7.54", "7.7", "9")]
    with Recording(tmp_path / "a.mp4", FORM) as recording:
        for index, time in enumerate(times):
            recording.write(packet(index, time))
    found = frame_times(tmp_path / "a.mp4")
    assert [float(time) for time in found] == pytest.approx([0, 0.04, 0.2, 1.5], abs=1e-4)
    for index, frame in enumerate(frames(tmp_path / "a.mp4")):
        assert np.abs(frame.astype(int) - picture(index)).mean() < 4


@pytest.mark.parametrize(("size", "depth"), [((640, 480), 60), ((1920, 1080), 43), ((3840, 2160), 10)])
def test_pictures_that_wait_for_a_recording_take_bounded_memory(tmp_path: Path, size: tuple[int, int], depth: int) -> None:
    with Recording(tmp_path / "a.mkv", VideoFormat(*size, Fraction(30)), notify=lambda _: None) as recording:
        assert recording.depth == depth


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_recording_of_a_single_picture_shows_it(tmp_path: Path, suffix: str) -> None:
    with Recording(tmp_path / f"a{suffix}", FORM) as recording:
        recording.write(packet(0))
    assert len(frames(tmp_path / f"a{suffix}")) == 1
    assert duration(tmp_path / f"a{suffix}") >= 0.04


def test_a_recording_is_finished_also_after_an_error_and_left_out_without_a_picture(tmp_path: Path) -> None:
    notices: list[str] = []

    def interrupted() -> None:
        with Recording(tmp_path / "a.mkv", FORM) as recording:
            recording.write(packet(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(frames(tmp_path / "a.mkv")) == 1
    with Recording(tmp_path / "b.mkv", FORM, notify=notices.append):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
    assert "b.mkv" in notices[0]
    with pytest.raises(MediaError, match="exists already"):
        Recording(tmp_path / "a.mkv", FORM)


def test_an_even_rate_out_of_uneven_times() -> None:
    cadence = Cadence(Fraction(10))
    times = [5, 5.02, 5.1, 5.21, 5.29, 5.7, 5.71, 15.7]
    assert [cadence.due(Fraction(time)) for time in times] == [1, 0, 1, 1, 1, 4, 0, 100]


@pytest.mark.parametrize("reader", [2, 10, 25])
def test_a_reader_slower_than_the_rate_gets_new_pictures(reader: int) -> None:
    cadence, now, counts = Cadence(Fraction(30)), Fraction(0), []
    while now < 100:
        count = cadence.due(now)
        cadence.taken(count, Fraction(count, reader))
        counts.append(count)
        now += max(Fraction(count, reader), Fraction(1, 30))
    assert max(counts) / reader <= 0.5
    assert sum(counts) > 95 * reader


def test_a_reader_that_keeps_up_gets_the_full_rate() -> None:
    cadence, now, sent = Cadence(Fraction(30)), Fraction(0), 0
    for index in range(3000):  # pictures come at 20 a second, the reader takes 30, now sooner, now later
        count = cadence.due(now)
        seconds = count * (Fraction(1, 30) + Fraction((-1) ** index, 100))
        cadence.taken(count, seconds)
        sent += count
        now += max(seconds, Fraction(1, 20))
    assert sent == pytest.approx(30 * now, rel=0.02)


PIPED = """
import sys
from fractions import Fraction
from realtime.outputs.output import VideoFormat
from realtime.outputs.pipe import Pipe
from tests.realtime.outputs.test_recording import packet
width = int(sys.argv[2])
with Pipe(sys.argv[1], VideoFormat(width, 64, Fraction(25)), notify=lambda line: print(line, file=sys.stderr)) as pipe:
    print("a stray line")
    for index in range(6):
        pipe.write(packet(index, Fraction(index, 25) + (Fraction(1, 25) if index >= 3 else 0), width))
"""


def piped(pipe_format: str, width: int = 96) -> bytes:
    command = [sys.executable, "-c", PIPED, pipe_format, str(width)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=True, timeout=60)
    assert done.stderr == b"a stray line\n"
    return done.stdout


def test_rgb24_is_the_bytes_of_the_pictures_with_gaps_filled() -> None:
    data = np.frombuffer(piped("rgb24"), np.uint8).reshape(-1, 64, 96, 3)
    order = [0, 1, 2, 2, 3, 4, 5]
    assert len(data) == len(order)
    assert all((frame == picture(index)).all() for frame, index in zip(data, order, strict=True))


@pytest.mark.parametrize("width", [96, 95])
def test_y4m_is_read_by_ffmpeg(tmp_path: Path, width: int) -> None:
    (tmp_path / "a.y4m").write_bytes(piped("y4m", width))
    assert frame_times(tmp_path / "a.y4m") == even_times(7)
    with av.open(str(tmp_path / "a.y4m")) as container:
        stream = container.streams.video[0]
        assert (stream.average_rate, stream.width, stream.codec_context.pix_fmt) == (25, 96, "yuv420p")
    for frame, index in zip(frames(tmp_path / "a.y4m"), [0, 1, 2, 2, 3, 4, 5], strict=True):
        assert np.abs(frame[:, :width].astype(int) - picture(index, width)).mean() < 3


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_pipe_whose_reader_ends_says_so_and_goes_on_with_the_rest() -> None:
    command = [sys.executable, "-c", PIPED.replace("range(6)", "range(200)"), "rgb24", "96"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1000)
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert process.returncode == 0
    assert errors.count("its reader has ended") == 1
    assert "Traceback" not in errors


class Slow(Output):
    """Waits with its first picture until it is released."""

    def __init__(self, name: str = "slow") -> None:
        self.name = name
        self.count = 0
        self.free = threading.Event()

    def write(self, packet: Packet) -> None:
        self.count += 1
        self.free.wait(60)

    def release(self) -> None:
        self.free.set()


def test_a_slow_output_does_not_slow_a_recording(tmp_path: Path) -> None:
    slow = Slow()
    with Recording(tmp_path / "a.mkv", FORM) as recording:
        sinks = [output_stage(recording), output_stage(slow)]
        with Pipeline((packet(index) for index in range(40)), [], sinks, policy=Policy.NEWEST_FRAME) as pipeline:
            while pipeline.times["record"].count < 40:
                time.sleep(0.01)
    found = frame_times(tmp_path / "a.mkv")
    assert len(found) == 40
    assert found == sorted(found)
    assert slow.count == 1


@linux
def test_without_a_virtual_camera_it_says_how_to_make_one(tmp_path: Path) -> None:
    if list(Path("/sys/devices/virtual/video4linux").glob("video*")):
        pytest.skip("there are virtual devices here")
    for device in (None, "/dev/video97"):
        with pytest.raises(MediaError, match=r"sudo modprobe v4l2loopback .*exclusive_caps=1") as caught:
            open_virtual_camera(device, FORM)
        assert "\n" not in str(caught.value)
    (tmp_path / "file").touch()
    for device in ("/dev/null", str(tmp_path / "file"), str(tmp_path)):
        with pytest.raises(MediaError, match="is not a video device"):
            open_virtual_camera(device, FORM)


def test_where_pyvirtualcam_is_needed_and_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MediaError, match=r"pip install 'semantic-human-matting\[virtualcam\]'"):
        open_virtual_camera(None, FORM)


RECORDED = """
import os, resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from engines.errors import MediaError
from realtime.outputs.output import VideoFormat
from realtime.outputs.recording import Recording
from realtime.packet import Packet
path, limit, count, killed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "killed"
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
try:
    with Recording(path, VideoFormat(96, 64, Fraction(25))) as recording:
        for index in range(count):
            recording.write(Packet(noise, Fraction(index, 25), index, picture=np.roll(noise, index, 1)))
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
except MediaError as error:
    print("error:", error)
"""


def record(path: Path, count: int, *, limit: int = 10**9, killed: bool = False) -> list[str]:
    """The lines that a process says which records so many pictures; its files can have so many bytes."""
    command = [sys.executable, "-c", RECORDED, str(path), str(limit), str(count), "killed" if killed else ""]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, text=True)
    assert done.returncode == (-signal.SIGKILL if killed else 0), done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file size")
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_full_disk_ends_a_recording_and_what_there_is_of_it_is_kept(tmp_path: Path, suffix: str) -> None:
    record(tmp_path / f"whole{suffix}", 150)
    whole = (tmp_path / f"whole{suffix}").stat().st_size
    for limit in (whole // 2, whole - 2000, whole - 100):  # while pictures come, and at the end
        path = tmp_path / f"{limit}{suffix}"
        said = record(path, 150, limit=limit)
        kept = "cannot be written (File too large); check the disk; the file is kept as far as it has come"
        assert said[-1] == f"error: {path}: {kept}"
        assert said[:-1] in ([], [f"record: has ended: {path}: {kept}"])
        assert len(frames(path)) >= (40 if limit < whole - 2000 else 125)
    assert {path.suffix for path in tmp_path.iterdir()} == {suffix}
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_killed_recording_plays_and_the_next_one_names_it(tmp_path: Path, suffix: str) -> None:
    path, parts = tmp_path / f"a{suffix}", [tmp_path / f"a.unfinished-{number}{suffix}" for number in (0, 1)]
    assert record(path, 100, killed=True) == []
    assert [each.name for each in tmp_path.iterdir()] == [parts[0].name]
    assert len(frames(parts[0])) >= 25
    assert [parts[0].name in line for line in record(path, 100, killed=True)] == [True]
    assert [part.name in line for part, line in zip(parts, record(path, 3), strict=True)] == [True, True]
    assert sorted(tmp_path.iterdir()) == [path, *parts]
    assert len(frames(path)) == 3
