"""The cut of the project: which module may import which, files and folders of a readable size, commands that answer at once."""

import importlib
import subprocess
import sys
import tomllib

import pytest

from tests.commands import Answered, answers
from tests.imports import FOLDERS, ROOT, import_graph, imported, reachable

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LONGEST = 350  # lines
MOST_FILES = 15  # Python files in a folder, besides its __init__.py
MAY_IMPORT = {
    "engines": set(),
    "realtime": {"engines"},
    "train": {"engines"},
    "benchmarks": {"engines", "realtime", "train"},
}
# Inside engines: loading, backends and store import graphs, these import networks, and those import nothing.
BELOW = {
    "engines.graphs": {
        "engines.graphs",
        "engines.networks",
        "engines.geometry",
        "engines.weights",
        "engines.errors",
        "engines.atomic",
    },
    "engines.networks": {"engines.networks"},
}
HEAVY = {"cv2", "av", "PIL", "numpy", "torch", "rich", "openvino", "matplotlib", "onnx"}


def is_in(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_run_one_way(folder: str) -> None:
    allowed = MAY_IMPORT[folder] | {folder}
    folders = {*FOLDERS, "tests"}
    wrong = {
        str(path.relative_to(ROOT)): sorted(names)
        for path in (ROOT / folder).rglob("*.py")
        if (names := ({name.split(".")[0] for name in imported(path)} & folders) - allowed)
    }
    assert wrong == {}


@pytest.mark.parametrize("package", BELOW)
def test_graphs_and_networks_import_only_what_is_below_them(package: str) -> None:
    graph = import_graph()
    wrong = {
        module: above
        for module in graph
        if is_in(module, {package}) and (above := sorted(each for each in graph[module] if not is_in(each, BELOW[package])))
    }
    assert wrong == {}


def test_only_commands_import_commands() -> None:
    wrong = {
        module: found
        for module, names in import_graph().items()
        if ".commands" not in module
        and not is_in(module, {"benchmarks"})
        and (found := sorted(name for name in names if ".commands" in name))
    }
    assert wrong == {}


def test_no_imports_are_circular() -> None:
    """Imports inside functions count too. Modules of which each reaches the other are a circle."""
    below = {module: reachable(module) for module in import_graph()}
    circles = {tuple(sorted(other for other in names if module in below[other])) for module, names in below.items()}
    assert circles - {()} == set()


def test_realtime_has_nothing_to_do_with_pytorch() -> None:
    packages = {"torch", "torchvision"}
    assert [path for path in (ROOT / "realtime").rglob("*.py") if {n.split(".")[0] for n in imported(path)} & packages] == []


def loaded_by(program: str) -> set[str]:
    """The top-level modules that a program leaves loaded in a fresh Python."""
    program += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split())


def test_the_commands_that_run_it_load_no_pytorch() -> None:
    loaded = loaded_by("import realtime.commands.video, realtime.commands.image, realtime.commands.live")
    assert {"engines", "realtime"} <= loaded
    assert loaded & {"torch", "onnx", "scipy", "train", "benchmarks", "tests"} == set()


def test_the_cpu_engine_runs_without_pytorch() -> None:
    program = (
        "import numpy as np, engines, realtime.commands.video\n"
        "engine = engines.load('openvino')\n"
        "assert engine(np.zeros((64, 96, 3), np.uint8)).alpha.shape == (64, 96)\n"
        "engine.close()"
    )
    assert loaded_by(program) & {"torch", "onnx", "scipy", "train"} == set()


def test_facades_offer_what_their_modules_have() -> None:
    for folder in ("engines", "realtime"):
        facade = importlib.import_module(folder)
        assert facade.__all__ == sorted(facade.__all__)
        for name in facade.__all__:
            assert getattr(facade, name) is not None


@pytest.mark.parametrize("folder", sorted({*FOLDERS, "tests"}))
def test_files_are_short_enough_to_read(folder: str) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert lengths
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_are_short_enough_to_read(folder: str) -> None:
    folders = {path.parent for path in (ROOT / folder).rglob("*.py")}
    counts = {str(each.relative_to(ROOT)): len({*each.glob("*.py")} - {each / "__init__.py"}) for each in folders}
    assert {each: count for each, count in counts.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize("script", PROJECT["scripts"])
def test_each_command_explains_itself(script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module, function = PROJECT["scripts"][script].split(":")
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as end:
        getattr(importlib.import_module(module), function)()
    assert not end.value.code
    text = capsys.readouterr().out
    assert f"{script} [" in text
    assert "Examples" in text


AT_ONCE = ("--help", "--version", "--surely-not-an-option")


@pytest.fixture(scope="module")
def answered() -> Answered:
    """The answers of all commands, of one process: what one of them loads would be found after the others, too."""
    modules = {script: module.removesuffix(":main") for script, module in PROJECT["scripts"].items()}
    lines = [(script, word) for script in modules for word in AT_ONCE]
    return dict(zip(lines, answers([(modules[script], [script, word]) for script, word in lines]), strict=True))


@pytest.mark.parametrize("word", AT_ONCE)
@pytest.mark.parametrize("script", PROJECT["scripts"])
def test_help_and_wrong_options_answer_at_once(answered: Answered, script: str, word: str) -> None:
    """None of the slow imports, one line for a mistake, and no frames around the text."""
    answer = answered[script, word]
    assert answer.loaded & HEAVY == set()
    assert answer.code == (2 if "not" in word else 0)
    if "not" in word:
        assert answer.errors.count("\n") == 1
        assert answer.errors.startswith("error: ")
        assert word in answer.errors
    elif word == "--version":
        assert answer.output == f"{script} {PROJECT['version']}\n"
    else:
        assert not set(answer.output) & set("│╭╰")
        assert "--version" in answer.output
