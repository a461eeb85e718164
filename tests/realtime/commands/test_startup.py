"""--help, --version and mistakes are answered at once: nothing heavy is imported for them."""

from importlib.metadata import version

import pytest

from tests.commands import Answered, answers

HEAVY = {"av", "cv2", "numpy", "openvino", "rich", "torch"}
COMMANDS = ["video", "image", "live", "refine"]
MISTAKES = [
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
]


@pytest.fixture(scope="module")
def answered() -> Answered:
    """The answers to all command lines here, of one process: what one of them loads would be found after the others, too."""
    lines = [(command, option) for command in COMMANDS for option in ("--help", "--version")]
    lines += [(command, *arguments) for command, arguments, _ in MISTAKES]
    made = answers([(f"realtime.commands.{command}", [f"shm-{command}", *arguments]) for command, *arguments in lines])
    return dict(zip(lines, made, strict=True))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_choices_and_examples_in_plain_text(answered: Answered, command: str) -> None:
    answer = answered[command, "--help"]
    assert answer.code == 0
    assert answer.loaded & HEAVY == set()
    for each in ("Examples:\n", "-y, --overwrite", "--version", "auto|tensorrt", "base|large"):
        assert each in answer.output
    assert answer.output.isascii()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_version(answered: Answered, command: str) -> None:
    answer = answered[command, "--version"]
    assert (answer.code, answer.output) == (0, f"shm-{command} {version('semantic-human-matting')}\n")
    assert answer.loaded & HEAVY == set()


@pytest.mark.parametrize(("command", "arguments", "words"), MISTAKES)
def test_mistakes_in_options_are_one_line(answered: Answered, command: str, arguments: list[str], words: str) -> None:
    answer = answered[command, *arguments]
    assert answer.code == 2
    assert answer.errors.startswith("error: ")
    assert answer.errors.count("\n") == 1
    assert words in answer.errors
    assert answer.loaded & HEAVY == set()
