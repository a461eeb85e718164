"""`bench` answers help and mistakes at once, and `bench latency` needs nothing that the plain install lacks."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.commands import Answered, answers

Bench = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
HEAVY = ("cv2", "av", "numpy", "torch", "rich", "matplotlib", "psutil", "openvino", "scipy")
COMMANDS = (
    "latency",
    "throughput",
    "scale",
    "peers",
    "quality",
    "refine",
    "clips",
    "serve",
    "soak",
    "figures",
    "picture",
    "all",
)
HELP = [("--help",), *((command, "--help") for command in COMMANDS)]
MISTAKES = [
    (["latency", "--modle", "base"], "--modle"),
    (["latency", "--size", "800"], "--size 800"),
    (["latency", "--precision", "int3"], "--precision int3"),
    (["scale", "--runs", "0"], "--runs 0"),
    (["latency", "--plot", "x.jpg"], "--plot x.jpg"),
    (["throughput", "--json", "/"], "--json /"),
    (["peers"], "nobody to compare with"),
    (["nothing"], "nothing"),
]


def without(missing: Sequence[str], folder: Path) -> dict[str, str]:
    """The environment of a Python in which, and in whose children, some modules are not installed."""
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({list(missing)}))\n")
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


@pytest.fixture
def bench_without(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`bench` in a Python of its own, in which, and in whose children, some modules are not installed."""

    def run(missing: Sequence[str], *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from benchmarks.cli import main; main()", *words]
        return subprocess.run(command, env=without(missing, tmp_path), capture_output=True, text=True, check=False, timeout=300)

    return run


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    """The answers to all command lines that need nothing heavy, of one process without any of it."""
    environment = without(HEAVY, tmp_path_factory.mktemp("without"))
    lines = [*HELP, *(tuple(words) for words, _ in MISTAKES)]
    made = answers([("benchmarks.cli", ["bench", *words]) for words in lines], environment)
    return dict(zip(lines, made, strict=True))


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_needs_nothing_heavy(answered: Answered, words: tuple[str, ...]) -> None:
    assert answered[words].code == 0, answered[words].errors
    assert "Examples:" in answered[words].output


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_mistake_is_one_line_and_needs_nothing_heavy(answered: Answered, words: list[str], message: str) -> None:
    answer = answered[tuple(words)]
    assert answer.code == 2, answer.errors
    assert answer.errors.startswith("error: ")
    assert answer.errors.count("\n") == 1
    assert message in answer.errors


def test_latency_without_the_extras(bench_without: Bench, tmp_path: Path) -> None:
    missing = ("psutil", "matplotlib", "torch", "safetensors", "scipy", "onnx", "pymatting", "av")
    words = ["--size", "64x48", "--runs", "1", "--starts", "1", "--backend", "openvino", "--precision", "fp32"]
    done = bench_without(missing, "latency", *words)
    assert done.returncode == 0, done.stderr
    assert "64x48  openvino, fp32" in done.stdout
    assert "psutil is not installed" in done.stdout
    done = bench_without(missing, "latency", *words, "--plot", str(tmp_path / "x.png"))
    assert done.returncode == 2
    assert "pip install matplotlib" in done.stderr


def test_quality_without_pytorch_names_the_extra(bench_without: Bench, tmp_path: Path) -> None:
    for folder in ("images", "alphas"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / folder / "a.png"), np.zeros((64, 64), np.uint8))
    done = bench_without(("torch",), "quality", str(tmp_path / "set"))
    assert done.returncode == 2
    assert done.stderr == "error: torch is not installed; type: pip install 'semantic-human-matting[train]'\n"


def test_latency_with_pytorch_alone(bench_without: Bench) -> None:
    """As on a GPU machine, which may have none of these."""
    missing = ("openvino", "av", "platformdirs", "filelock", "psutil", "matplotlib")
    words = ["--size", "64x48", "--runs", "1", "--starts", "1"]
    done = bench_without(missing, "latency", *words, "--backend", "torch", "--precision", "fp32")
    assert done.returncode == 0, done.stderr
    assert "64x48  torch, fp32" in done.stdout
    done = bench_without(missing, "latency", *words, "--backend", "openvino")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --backend openvino: ")
    assert "openvino is not installed" in done.stderr
