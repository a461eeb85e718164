"""Standard output that cannot be written: one line that says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WRITE = """
import sys
from fractions import Fraction
import numpy as np
from engines.commands.running import run
from realtime.outputs.output import VideoFormat
from realtime.outputs.pipe import Pipe
from realtime.packet import Packet

def write():
    picture = np.zeros((64, 96, 3), np.uint8)
    with Pipe(sys.argv[1], VideoFormat(96, 64, Fraction(25))) as pipe:
        for index in range(3):
            pipe.write(Packet(picture, Fraction(index, 25), index, picture=picture))

run(write)
"""


def piped(pipe_format: str, output: str) -> subprocess.CompletedProcess[str]:
    command = f'exec "$@" {output}'
    words = ["sh", "-c", command, "sh", sys.executable, "-c", WRITE, pipe_format]
    return subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("pipe_format", ["y4m", "rgb24"])
def test_a_full_disk_is_one_line(pipe_format: str) -> None:
    done = piped(pipe_format, "> /dev/full")
    assert done.returncode == 2
    assert done.stderr == f"error: {pipe_format}: standard output cannot be written (No space left on device); check its disk\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("pipe_format", ["y4m", "rgb24"])
def test_a_closed_standard_output_is_one_line(pipe_format: str) -> None:
    done = piped(pipe_format, ">&-")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {pipe_format}: standard output is closed; ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_a_closed_standard_error_takes_no_file_of_the_program(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom engines.commands.running import run\n"
        "def work():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        os.write(2, b'a line of a library')\n"
        "        print('a line of ours', file=sys.stderr)\n"
        "        file.write('content')\n"
        "run(work)\n"
    )
    words = ["sh", "-c", 'exec "$@" 2>&- >&- <&-', "sh", sys.executable, "-c", program, str(tmp_path / "out")]
    assert subprocess.run(words, cwd=ROOT, timeout=120).returncode == 0
    assert (tmp_path / "out").read_text() == "content"
