"""The trial of `python -m tests.fuzz`: a small one, and that it notices what it is there for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from engines.errors import MediaError
from tests.fuzz.cases import Case
from tests.fuzz.isolated import Limits, can_fork, run_isolated
from tests.fuzz.mutations import damage, damage_json, damage_text
from tests.fuzz.verdict import contents, faults

pytestmark = pytest.mark.skipif(not can_fork(), reason="the trial forks processes, which this system cannot")


ROOT = Path(__file__).parents[1]


def refuse(folder: Path) -> None:
    print("error: in.mp4: is broken; name another", file=sys.stderr)
    sys.exit(2)


def fail(folder: Path) -> None:
    raise MediaError("unexpected")


def write_half(folder: Path) -> None:
    (folder / "out.mp4").write_bytes(b"not a video")


def leave_hidden(folder: Path) -> None:
    (folder / ".unfinished-1.mp4").write_bytes(b"")
    refuse(folder)


def change_input(folder: Path) -> None:
    (folder / "in.mp4").write_bytes(b"")
    refuse(folder)


def chatter(folder: Path) -> None:
    os.write(2, b"libpng error: bad adaptive filter value\n")
    refuse(folder)


def take_memory(folder: Path) -> None:
    taken = bytearray(1100 << 20)
    taken[:: os.sysconf("SC_PAGESIZE")] = b"x" * len(taken[:: os.sysconf("SC_PAGESIZE")])
    refuse(folder)


@pytest.mark.parametrize(
    ("action", "found"),
    [
        (refuse, []),
        (fail, ["traceback"]),
        (lambda _: sys.exit(3), ["exit code"]),
        (lambda _: sys.exit(2), ["exit code"]),  # without a line that says why
        (lambda _: os.kill(os.getpid(), signal.SIGKILL), ["crash"]),
        (lambda _: time.sleep(60), ["hang"]),
        (lambda _: None, ["half file"]),  # exit code 0, and nothing was written
        (write_half, ["half file"]),
        (leave_hidden, ["half file"]),
        (change_input, ["input changed"]),
        (chatter, ["line of a library"]),
    ],
)
def test_each_fault_is_noticed(tmp_path: Path, action: Callable[[Path], object], found: list[str]) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "in.mp4").write_bytes(b"input")
    before = contents(folder)
    case = Case(["a", "command"], lambda: action(folder), goals=("out.mp4",))
    limits = Limits(seconds=0.5 if found == ["hang"] else 60)
    ended = run_isolated(case.action, folder, tmp_path / "log", limits)
    assert faults(case, ended, folder, before) == found, ended


def test_memory_is_measured_without_that_of_the_tests(tmp_path: Path) -> None:
    held = bytearray(b"x" * (600 << 20))
    ended = run_isolated(lambda: take_memory(tmp_path), tmp_path, tmp_path / "log", Limits())
    assert 1050 << 20 < ended.peak < (1050 << 20) + len(held)


def test_memory_is_limited_beside_that_of_the_tests(tmp_path: Path) -> None:
    # Of the first, glibc's heap may hold some of what is taken: it keeps up to 256 MB that the tests before freed.
    for limit, code in ((1 << 29, 1), (2 << 30, 2)):
        ended = run_isolated(lambda: take_memory(tmp_path), tmp_path, tmp_path / "log", Limits(memory=limit))
        assert ended.code == code
        assert ("MemoryError" in ended.text) == (code == 1)


def test_the_same_seed_gives_the_same_damage() -> None:
    data, value = bytes(range(256)) * 8, {"a": [1, 2.5, {"b": "c"}]}

    def made(seed: int) -> list[bytes]:
        random = Random(seed)
        return [damage(data, random, [b"other"]) for _ in range(20)] + [
            each for _ in range(200) for each in (damage_json(value, random), damage_text("x = 1\n[y]\nz = 'a'\n", random))
        ]

    assert made(1) == made(1)  # whatever was made before
    assert made(1) != made(2)
    assert data not in made(1)[:5]


@pytest.mark.slow
def test_two_hundred_damaged_inputs(tmp_path: Path) -> None:
    trial = [sys.executable, "-m", "tests.fuzz", "--count", "200", "--seed", "7", "--keep", str(tmp_path)]
    done = subprocess.run(trial, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n200 cases" in done.stdout
