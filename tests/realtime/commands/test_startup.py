"""--help, --version and mistakes are answered at once: nothing heavy is imported for them."""

import subprocess
import sys
from importlib.metadata import version

import pytest

HEAVY = {"av", "cv2", "numpy", "openvino", "rich", "torch", "webcolors"}
COMMANDS = ["video", "image", "live", "refine"]
PROGRAM = """
import sys
from realtime.commands.{command} import main
sys.argv[0] = "shm-{command}"
try:
    main()
finally:
    print(*{{name.split(".")[0] for name in sys.modules}})
"""


def answer(command: str, *arguments: str) -> tuple[int, str, str, set[str]]:
    """Exit code, standard output, standard error, and the top-level modules that were loaded."""
    words = [sys.executable, "-c", PROGRAM.format(command=command), *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    *output, modules = done.stdout.splitlines()
    return done.returncode, "\n".join(output), done.stderr, set(modules.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_choices_and_examples_in_plain_text(command: str) -> None:
    code, output, _, modules = answer(command, "--help")
    assert code == 0
    assert modules & HEAVY == set()
    for each in ("Examples:\n", "-y, --overwrite", "--version", "auto|tensorrt", "base|large"):
        assert each in output
    assert output.isascii()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_version(command: str) -> None:
    code, output, _, modules = answer(command, "--version")
    assert (code, output) == (0, f"shm-{command} {version('semantic-human-matting')}")
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("video", ["in.mp4", "out.mp4", "--crf", "99"], "--crf 99"),
        ("video", ["in.mp4", "out.mp4", "--fit", "tile"], "--fit tile"),
        ("video", ["in.mp4", "out.mp4", "--smooth", "2"], "--smooth 2"),
        ("image", ["in.jpg", "out.jpg", "--light-wrap", "2"], "--light-wrap 2"),
        ("image", ["in.jpg"], "OUT"),
        ("refine", ["a", "b", "c", "--unknown"], "--unknown"),
        ("live", [], "--webcam"),
        ("live", ["--webcam", "--size", "20x20"], "--size 20x20"),
        ("live", ["--webcam", "--view", "all"], "--view all"),
        ("live", ["--webcam", "--snapshots", "/no/such/folder"], "--snapshots"),
    ],
)
def test_mistakes_in_options_are_one_line(command: str, arguments: list[str], words: str) -> None:
    code, _, errors, modules = answer(command, *arguments)
    assert code == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert words in errors
    assert modules & HEAVY == set()
