"""Ctrl-C and SIGTERM at any moment after the start: no traceback, and the exit code of a stopped program."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.commands.running import run
from engines.errors import MattingError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

ROOT = Path(__file__).parents[3]
CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
# Stands for a module that a command imports: it sends the signal, and makes something else of an exception in it, as
# modules in C do.
SENDER = """
import importlib, os, signal, sys, time
try:
    os.kill(os.getpid(), {number})
    time.sleep(0.1)
except BaseException:
    raise ImportError("something else")
sys.path.remove(os.path.dirname(__file__))
del sys.modules[__name__]
importlib.import_module(__name__)
"""


def stopped_while_importing(folder: Path, module: str, number: signal.Signals, *words: object) -> tuple[int, str]:
    """Exit code and standard error of a command that gets a signal while it imports a module."""
    (folder / f"{module}.py").write_text(SENDER.format(number=int(number)))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


@pytest.mark.parametrize(("number", "code"), CODES)
@pytest.mark.parametrize(
    "module",
    [
        *("realtime.commands.video", "realtime.commands.image", "realtime.commands.refine", "realtime.commands.live"),
        *("engines.commands.compile", "train.commands.train", "train.commands.evaluate", "benchmarks.cli"),
    ],
)
def test_during_the_first_imports(tmp_path: Path, module: str, number: signal.Signals, code: int) -> None:
    ended = stopped_while_importing(tmp_path, "typer", number, module, "--help")
    assert ended == (code, "stopped\n" if number == signal.SIGINT else "")


@pytest.mark.parametrize(("number", "code"), CODES)
@pytest.mark.parametrize("command", ["image", "refine"])
def test_during_the_imports_of_the_work(tmp_path: Path, command: str, number: signal.Signals, code: int) -> None:
    for name in ("a.png", "mask.png"):
        cv2.imwrite(str(tmp_path / name), np.full((64, 64, 3), 90, np.uint8))
    words = ["a.png", "mask.png", "out.png"] if command == "refine" else ["a.png", "out.png"]
    ended, errors = stopped_while_importing(tmp_path, "cv2", number, f"realtime.commands.{command}", *words)
    lines = [line for line in errors.splitlines() if not line.startswith("mattes ")]  # how far it has come
    assert (ended, lines) == (code, ["stopped"] if number == signal.SIGINT else [])
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(("number", "code"), CODES)
@pytest.mark.parametrize("consequence", [RuntimeError, OSError, None])
def test_what_fails_because_of_a_signal_is_not_reported(
    number: signal.Signals, code: int, consequence: type[Exception] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        try:
            signal.raise_signal(number)
        except BaseException:
            signal.raise_signal(number)  # an impatient user
            raise consequence or MattingError("out.mp4: the disk is full; free some space") from None

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit) as ended:
            run(work)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    error = capsys.readouterr().err
    if consequence is None:
        assert (ended.value.code, error) == (2, "error: out.mp4: the disk is full; free some space\n")
    else:
        assert (ended.value.code, error) == (code, "stopped\n" if number == signal.SIGINT else "")
