"""How the project is cut: which folder may import which, files of a readable length, commands that explain themselves."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import engines

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RELEASED = Path(engines.__file__).parent / "released" / "manifest.json"
LONGEST = 350  # lines
MAY_IMPORT = {
    "engines": set(),
    "realtime": {"engines"},
    "train": {"engines"},
    "benchmarks": {"engines", "realtime", "train"},
}
FOLDERS = {*MAY_IMPORT, "tests"}


def imported(path: Path) -> set[str]:
    """The first part of the name of each module that a file imports, at its top or anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            names.add(str(node.module))
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_run_one_way(folder: str) -> None:
    allowed = MAY_IMPORT[folder] | {folder}
    wrong = {
        str(path.relative_to(ROOT)): sorted(names)
        for path in (ROOT / folder).rglob("*.py")
        if (names := (imported(path) & FOLDERS) - allowed)
    }
    assert wrong == {}


def test_realtime_has_nothing_to_do_with_pytorch() -> None:
    assert [path for path in (ROOT / "realtime").rglob("*.py") if imported(path) & {"torch", "torchvision"}] == []


def loaded_by(program: str) -> set[str]:
    """The top-level modules that a program leaves loaded in a Python of its own."""
    program += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split())


def test_the_commands_that_run_it_load_no_pytorch() -> None:
    loaded = loaded_by("import realtime.commands.video, realtime.commands.image, realtime.commands.live")
    assert {"engines", "realtime"} <= loaded
    assert loaded & {"torch", "onnx", "scipy", "train", "benchmarks", "tests"} == set()


@pytest.mark.skipif(not RELEASED.exists(), reason="there are no released weights in this checkout")
def test_the_cpu_engine_runs_without_pytorch() -> None:
    program = (
        "import numpy as np, engines, realtime.commands.video\n"
        "engine = engines.load('openvino')\n"
        "assert engine(np.zeros((64, 96, 3), np.uint8)).alpha.shape == (64, 96)\n"
        "engine.close()"
    )
    assert loaded_by(program) & {"torch", "onnx", "scipy", "train"} == set()


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_files_are_short_enough_to_read(folder: str) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert lengths
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize("script", PROJECT["scripts"])
def test_each_command_explains_itself(script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module, function = PROJECT["scripts"][script].split(":")
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as end:
        getattr(importlib.import_module(module), function)()
    assert not end.value.code
    told = capsys.readouterr().out
    assert f"{script} [" in told
    assert "Examples" in told
