"""How realtime is cut: its facade, and which room may import which."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import engines
import realtime

FOLDER = Path(realtime.__file__).parent
ROOMS = {  # each with those that it may import: the way of a frame, without a circle
    "pixels": set(),
    "inputs": {"pixels"},
    "compositing": {"inputs", "pixels"},
    "outputs": {"inputs", "pixels"},
    "loop": {"inputs", "compositing", "outputs", "pixels"},
    "jobs": {"inputs", "compositing", "outputs", "loop", "pixels"},
    "serve": {"inputs", "compositing", "outputs", "loop", "jobs"},
    "commands": {"inputs", "compositing", "outputs", "loop", "jobs", "serve"},
}
MOST_FILES = 15  # besides __init__.py


def rooms_imported(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    names = [str(node.module).split(".") for node in nodes]
    return {name[1] for name in names if name[0] == "realtime" and len(name) > 1 and name[1] in ROOMS}


def test_the_rooms_are_these() -> None:
    assert {path.parent.name for path in FOLDER.glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_those_before_it(room: str) -> None:
    files = list((FOLDER / room).glob("*.py"))
    assert len(files) - 1 <= MOST_FILES
    wrong = {path.name: names for path in files if (names := rooms_imported(path) - ROOMS[room] - {room})}
    assert wrong == {}


@pytest.mark.parametrize("name", realtime.__all__)
def test_each_name_of_the_facade_is_there(name: str) -> None:
    assert callable(getattr(realtime, name))
    assert name in realtime._MODULES


def test_the_facade_has_no_other_names() -> None:
    assert sorted(realtime._MODULES) == realtime.__all__ == sorted(realtime.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        importlib.import_module("realtime").Nothing  # noqa: B018


def test_names_of_the_facades_are_listed_for_completion() -> None:
    for module in (realtime, engines):
        assert set(module.__all__) <= set(dir(module))


def test_every_error_of_the_documentation_can_be_imported() -> None:
    table = (FOLDER.parent / "docs/python.md").read_text(encoding="utf-8").partition("## Errors")[2]
    names = {name for name in re.findall(r"`([A-Z]\w+)`", table) if name != "ValueError"}
    assert {"FileAppeared", "TooManyPixels"} < names <= set(engines.__all__)


def test_a_type_checker_knows_the_names_of_the_facades_and_no_others(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    program = "from engines import load, lod\nfrom realtime import PacedVideo, Vido\nPacedVideo('talk.mp4')\n"
    apart = ["--config-file", "", "--follow-imports", "silent", "--cache-dir", str(tmp_path)]
    told, _, _ = api.run(["--strict", *apart, "-c", program])
    wrong = [line for line in told.splitlines() if "error: " in line]
    assert len(wrong) == 2, told
    assert 'Module "engines" has no attribute "lod"' in wrong[0]
    assert 'Module "realtime" has no attribute "Vido"' in wrong[1]
