"""`shm-video --ray` on a real Ray cluster of this machine, with two workers."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from engines.atomic import replacing
from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import VideoJob
from tests.realtime.clips import even_times, make_clip
from tests.realtime.jobs.flickering import FRAMES, SECONDS, FlickeringEngine
from tests.realtime.jobs.test_resume import LOSSLESS, assert_same

ROOT = Path(__file__).parents[3]
HOOK = "tests.realtime.jobs.flickering.install_in_worker"
OPTIONS = ("--smooth", "0", "--crf", "0", "--preset", "ultrafast", "--threads", "1")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install '.[ray]'"),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]


class Abandoned(Exception):
    pass


@dataclass
class Ray:
    """A cluster, and the environment of programs that are to find it."""

    address: str
    environment: dict[str, str]

    def start(self, *arguments: object, seconds: float = 0, ray: str = "", hook: str = HOOK) -> "subprocess.Popen[str]":
        """Start `shm-video` with an engine that takes so many seconds a frame, here and in the workers."""
        command = [sys.executable, "-m", "tests.realtime.jobs.flickering", "0", *map(str, arguments), *OPTIONS]
        job = {"runtime_env": {"worker_process_setup_hook": hook, "env_vars": {SECONDS: str(seconds)}}}
        return subprocess.Popen(
            [*command, "--ray", ray or self.address],
            cwd=ROOT,
            env={**self.environment, "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(job)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, **options: Any) -> tuple[int, str, str]:
        """The exit code, standard output and error of `shm-video`."""
        process = self.start(*arguments, **options)
        output, errors = process.communicate()
        return process.returncode, output, errors


@pytest.fixture(scope="module")
def ray() -> Iterator[Ray]:
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # a short name: sockets lie in it
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "PYTHONPATH": str(ROOT),
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_prestart_worker_first_driver": "0",  # no worker is started that no task will use
        "RAY_enable_worker_prestart": "0",
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "2", "--num-gpus", "0"]
    command += ["--port", "0", "--include-dashboard", "false", "--ray-client-server-port", str(free_port())]
    command += ["--no-monitor", "--include-log-monitor", "false"]  # one adds machines, the other sends the workers' output on
    with (folder / "log").open("w") as log:
        head = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        file = folder / "ray" / "ray_current_cluster"
        wait_for(file.exists, head)
        yield Ray(file.read_text().strip(), environment)
    finally:
        children = psutil.Process().children(recursive=True)  # of the head
        head.terminate()
        head.wait()
        for each in psutil.wait_procs(children, timeout=10)[1]:
            each.kill()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(there: Callable[[], object], process: "subprocess.Popen[Any]") -> None:
    """Wait until something is there, for as long as a process runs."""
    while not there():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def plain(source: Path, target: Path) -> Path:
    """Write what one process makes of a clip."""
    with VideoJob(source, target, VideoSettings(smooth=0, **LOSSLESS)) as job:  # type: ignore[arg-type]
        job.run(FlickeringEngine())
    return target


def segments(target: Path) -> list[Path]:
    return [*target.parent.glob(f"{target.name}.unfinished/[0-9]*.mp4")]


def test_a_killed_worker_is_replaced_and_the_result_is_that_of_one_process(ray: Ray, tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(120), audio="aac"), tmp_path / "out.mp4"
    process = ray.start(clip, out, "--json", seconds=0.05)
    wait_for(lambda: any(int(path.stem) >= 60 // FRAMES for path in segments(out)), process)  # of the second part
    (worker,) = [each for each in psutil.process_iter(["cmdline"]) if f"{out}, part 2/2" in "".join(each.info["cmdline"] or [])]
    worker.kill()
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    first, again, *_, last = errors.splitlines()
    assert first == f"the Ray cluster {ray.address}: 2 parts at a time, each on 1 CPU, by openvino"
    assert again == f"{out}, part 2/2: its worker died; another one goes on from what is done"
    assert last.startswith(f"{out}: ")
    (record,) = json.loads(output)["files"]
    assert (record["status"], record["frames"], record["target"]) == ("written", 120, str(out))
    assert 0 < record["done_before"] < 60  # of the part that was done again, not all
    assert_same(out, plain(clip, tmp_path / "plain.mp4"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "plain.mp4"]


def test_a_folder_is_spread_and_its_long_videos_are_cut(ray: Ray, tmp_path: Path) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    for name, count in (("a", 5), ("b", 60), ("c", 7)):
        make_clip(clips / f"{name}.mp4", even_times(count))
    (clips / "bad.mp4").write_text("no video\n" * 100)
    code, _, errors = ray.run(clips, out, ray="auto")
    assert code == 1
    lines = errors.splitlines()
    assert lines[0].startswith(f"error: {clips / 'bad.mp4'}: is not a video")
    assert lines[1] == f"the Ray cluster of this machine, {ray.address}: 2 parts at a time, each on 1 CPU, by openvino"
    assert {line.split(" in ")[0] for line in lines[2:5]} == {
        f"{out / 'a.mp4'}: 5 frames",
        f"{out / 'b.mp4'}: 60 frames",
        f"{out / 'c.mp4'}: 7 frames",
    }
    assert lines[5:] == ["3 videos written, 1 failed"]
    for name in "abc":
        assert_same(out / f"{name}.mp4", plain(clips / f"{name}.mp4", tmp_path / f"{name}.mp4"), sound=False)
    code, _, errors = ray.run(clips / "[abc].mp4", out)
    assert (code, errors) == (0, "0 videos written, 3 existed already\n")


def test_what_is_done_is_kept_at_signals_and_while_another_process_writes_the_file(ray: Ray, tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(120), audio="aac"), tmp_path / "out.mp4"
    kept = 0
    for number, code, last in ((signal.SIGINT, 130, ["stopped"]), (signal.SIGTERM, 143, [])):
        process = ray.start(clip, out, seconds=0.1)
        wait_for(lambda least=kept + 2: len(segments(out)) >= least, process)
        process.send_signal(number)
        _, errors = process.communicate()
        assert process.returncode == code
        assert errors.splitlines()[1:] == [f"{out}: what is done is kept beside it; the same command goes on from there", *last]
        assert len(segments(out)) >= kept + 2
        kept = len(segments(out))
        assert not out.exists()
    done = {path: path.stat().st_mtime_ns for path in segments(out)}
    process = ray.start(clip, out, seconds=0.05)
    wait_for(lambda: len(segments(out)) > kept, process)
    with suppress(Abandoned), replacing(out, overwrite=False):
        _, errors = process.communicate()
        raise Abandoned  # and leave no file
    assert process.returncode == 2
    assert f"error: {out}: another process is writing it" in errors
    assert not out.exists()
    assert done == {path: path.stat().st_mtime_ns for path in done}  # none of them was done again
    code, _, errors = ray.run(clip, out)
    assert code == 0, errors
    assert " that were done before" in errors
    assert_same(out, plain(clip, tmp_path / "plain.mp4"))


class NoSpreading(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "realtime.jobs.spreading":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def hide_spreading() -> None:
    """Make a worker one of a machine with an older version of the package."""
    sys.meta_path.insert(0, NoSpreading())


def test_a_machine_without_the_package(ray: Ray, tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(FRAMES)), tmp_path / "out.mp4"
    code, _, errors = ray.run(clip, out, hook="tests.realtime.jobs.test_ray.hide_spreading")
    assert code == 2
    assert errors.splitlines()[1:] == [
        f"error: {out}, part 1/1: its machine lacks this package, or has another version of it; install it on all of them"
    ]
