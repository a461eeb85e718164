"""Two runs into one OUT, and OUT that appears during a run: nothing is replaced without --overwrite, and nothing is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from engines.atomic import UNFINISHED
from engines.engine import Frame, Mask, Matte
from engines.errors import FileAppeared
from realtime.commands import image, video
from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import VideoJob
from tests.realtime.clips import even_times, frames, make_clip
from tests.realtime.commands.test_video import SLOW
from tests.realtime.plain_engine import PlainEngine


class Meddler(PlainEngine):
    """While it works, somebody else writes OUT."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out = out

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        self.out.write_bytes(b"of somebody else")
        return super().__call__(frame, mask)


def code_of(command: str, *arguments: object, out: Path) -> int:
    main = {"shm-video": video.main, "shm-image": image.main}[command]
    with (
        patch("sys.argv", [command, *map(str, arguments)]),
        patch("engines.load", lambda *_, **__: Meddler(out), create=True),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return int(ended.value.code or 0)


def test_a_video_that_appears_meanwhile_stays_and_the_result_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    clip = make_clip(tmp_path / "in.mp4")
    assert code_of("shm-video", clip, out, out=out) == 2
    kept = tmp_path / "out-2.mp4"
    assert capsys.readouterr().err == f"error: {out}: appeared meanwhile, and stays as it is; the result is {kept}\n"
    assert out.read_bytes() == b"of somebody else"
    assert len(frames(kept)) == 10
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "out.mp4", "out-2.mp4"}
    assert code_of("shm-video", clip, out, "--overwrite", out=out) == 0
    assert len(frames(out)) == 10


def test_a_picture_that_appears_meanwhile_stays_and_the_result_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, out = tmp_path / "a.png", tmp_path / "out.png"
    cv2.imwrite(str(photo), np.full((40, 50, 3), 90, np.uint8))
    assert code_of("shm-image", photo, out, out=out) == 2
    kept = tmp_path / "out-2.png"
    assert capsys.readouterr().err == f"error: {out}: appeared meanwhile, and stays as it is; the result is {kept}\n"
    assert out.read_bytes() == b"of somebody else"
    assert cv2.imread(str(kept), cv2.IMREAD_UNCHANGED).shape == (40, 50, 4)


def start(clip: Path, out: Path) -> subprocess.Popen[str]:
    """A slow run that has begun to write."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(clip), str(out)], stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    give_up = time.monotonic() + 60
    while not any(path.stat().st_size for path in out.parent.glob(f"{UNFINISHED}*")):
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_second_run_is_refused_at_once_and_the_next_one_removes_what_a_killed_one_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(500)), tmp_path / "out.mp4"
    first = start(clip, out)
    try:
        assert code_of("shm-video", clip, out, out=tmp_path / "unused") == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {out}: another process is writing it; wait for it, or choose another name")
        assert error.count("\n") == 1
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    assert len(list(tmp_path.glob(f"{UNFINISHED}*"))) == 1
    make_clip(clip)
    assert code_of("shm-video", clip, out, out=tmp_path / "unused") == 0
    assert list(tmp_path.glob(f"{UNFINISHED}*")) == []
    assert len(frames(out)) == 10


def test_a_second_run_beside_one_that_resumes_is_refused_at_once(tmp_path: Path) -> None:
    """With --overwrite both wrote the same segments, and the slower one failed at its end: no such file."""
    clip = make_clip(tmp_path / "in.mp4", even_times(3))
    out = tmp_path / "out.mp4"
    with VideoJob(clip, out, VideoSettings(bg="blue"), resume=True, overwrite=True) as job:
        with pytest.raises(FileAppeared, match=r"out.mp4: this program is writing it already; close that first"):
            VideoJob(clip, out, VideoSettings(bg="blue"), resume=True, overwrite=True).run(PlainEngine())
        job.run(PlainEngine())
    assert len(frames(out)) == 3
