"""The command. What needs Blender runs where PEOPLE_BLENDER_PYTHON names a python that has bpy."""

import importlib.util
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from engines import InputError
from train.library import open_library, read_subject
from train.people.__main__ import app, contact_sheet, write
from train.people.casting import cast
from train.people.person import Person
from train.people.renderer import Renderer, finished

BLENDER = os.environ.get("PEOPLE_BLENDER_PYTHON")
needs_blender = pytest.mark.skipif(BLENDER is None, reason="PEOPLE_BLENDER_PYTHON names no python that has bpy")
needs_anny = pytest.mark.skipif(importlib.util.find_spec("anny") is None, reason="needs anny: pip install '.[people]'")


def run(*words: str | Path) -> str:
    """What the command says that goes wrong."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, InputError):
        return str(result.exception)
    assert result.exit_code == 0, result.output
    return ""


@pytest.fixture
def cut_out() -> np.ndarray:
    rgba = np.zeros((64, 48, 4), np.uint8)
    rgba[..., :3] = (200, 120, 40)
    rgba[..., 3] = np.linspace(0, 255, 48).astype(np.uint8)
    return rgba


def test_what_is_written_is_read_by_the_training_with_its_alpha_exact(tmp_path: Path, cut_out: np.ndarray) -> None:
    folder = tmp_path / "fine/people"
    folder.mkdir(parents=True)
    write(folder / "1-00000", cut_out, cast(4))
    (tmp_path / "backgrounds/rooms").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "backgrounds/rooms/a.png"), np.zeros((32, 32, 3), np.uint8))
    (subject,) = open_library(tmp_path).subjects
    assert subject.cutout
    assert subject.set == "people"
    read = read_subject(subject, 64)
    np.testing.assert_array_equal(read[..., 3], cut_out[..., 3])
    assert np.abs(read[:, 24:, :3].astype(int) - cut_out[:, 24:, :3]).max() < 8
    assert Person.from_json((folder / "1-00000.json").read_text()) == cast(4)
    assert sorted(path.name for path in folder.iterdir()) == ["1-00000.json", "1-00000.webp"]


def test_colours_flow_out_beyond_the_edge_and_alpha_is_the_finer_one() -> None:
    colours = np.zeros((40, 40, 4), np.uint16)
    colours[:, :20] = (40000, 20000, 10000, 65535)
    colours[:, 20] = (65535, 0, 65535, 2000)  # hardly hit: what it says of its colour counts for little
    alpha = np.zeros((40, 40), np.uint16)
    alpha[:, :20], alpha[:, 20], alpha[:, 21] = 65535, 32768, 8000
    rgba = finished(colours, alpha)
    np.testing.assert_array_equal(rgba[20, [5, 20, 21, 30], 3], [255, 128, 31, 0])
    expected = np.array([40000, 20000, 10000]) / 257
    for column in (5, 20, 21, 30):
        np.testing.assert_allclose(rgba[20, column, :3], expected, atol=6)


def test_a_sheet_shows_them_side_by_side(tmp_path: Path, cut_out: np.ndarray) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / name, cut_out, cast(1))
    sheet = contact_sheet([tmp_path / f"{name}.webp" for name in "abc"], height=32, columns=2)
    assert sheet.shape[0] == 64
    assert sheet[40, -4].tolist() == [0, 0, 0]
    (tmp_path / "b.webp").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"b\.webp: cannot be read"):
        contact_sheet([tmp_path / "b.webp"])


@needs_anny
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--blender-python", "/no/such/python"], "--blender-python /no/such/python: is no program"),
        (["--blender-python", "/"], "--blender-python /: is no program"),
        (["--person", "/no/such.json"], "--person /no/such.json: cannot be read"),
        (["--sheet", "/no/such/folder/a.jpg"], "--sheet /no/such/folder/a.jpg: is a folder, or"),
    ],
)
def test_bad_options_are_told_in_a_line(tmp_path: Path, words: list[str], message: str) -> None:
    assert run(tmp_path / "out", *words).startswith(message)


@needs_anny
def test_a_json_file_that_is_no_person_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    assert run(tmp_path / "out", "--person", tmp_path / "x.json").startswith(
        f"--person {tmp_path}/x.json: these are no parameters"
    )


@needs_anny
def test_what_is_there_is_not_drawn_again_and_needs_no_blender(tmp_path: Path, cut_out: np.ndarray) -> None:
    for number in range(2):
        write(tmp_path / f"1-{number:05d}", cut_out, cast(number))
    assert run(tmp_path, "--count", "2", "--blender-python", "/no/such/python", "--sheet", tmp_path / "sheet.jpg") == ""
    assert cv2.imread(str(tmp_path / "sheet.jpg")) is not None


@pytest.mark.skipif(sys.executable == BLENDER, reason="this python has bpy")
def test_a_python_without_bpy_says_what_to_type() -> None:
    with pytest.raises(InputError, match=r"has no bpy .* -m pip install bpy==5"):
        Renderer(Path(sys.executable))


@needs_anny
@needs_blender
def test_a_person_is_rendered_and_once_only(tmp_path: Path) -> None:
    words = ["--count", "1", "--scale", "0.12", "--samples", "2", "--alpha-samples", "16", "--blender-python", str(BLENDER)]
    assert run(tmp_path, *words) == ""
    picture = cv2.imread(str(tmp_path / "1-00000.webp"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    alpha = picture[..., 3]
    assert 0.15 < (alpha > 250).mean() < 0.9
    assert (alpha[0] < 128).mean() > 0.5
    assert ((alpha > 10) & (alpha < 245)).any()
    assert picture[alpha > 250][:, :3].std() > 5
    before = (tmp_path / "1-00000.webp").stat().st_mtime_ns
    assert run(tmp_path, *words) == ""
    assert (tmp_path / "1-00000.webp").stat().st_mtime_ns == before


@needs_blender
def test_a_scene_that_cannot_be_drawn_is_told_of_and_the_next_is_drawn() -> None:
    with Renderer(Path(str(BLENDER))) as renderer, pytest.raises(InputError, match="renderer: KeyError"):
        renderer({"meshes": [{}]})
