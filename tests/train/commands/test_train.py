"""`shm-train` as a user meets it."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engines.backends.openvino import OpenVINOEngine
from engines.backends.torch import TorchEngine, released_networks
from engines.engine import Frame
from engines.geometry import BASE, MODELS
from engines.photos import finest_matte
from engines.store.parity import sample_frame
from engines.weights import FOLDER, SAFETENSORS, verified
from tests.commands import ROOT, answers
from tests.engines.graphs.test_export import check_graphs
from tests.train.conftest import TINY, scenery, write
from train.commands import train as cli
from train.commands.release import release
from train.learning.calibration import scene_frames
from train.learning.checkpoints import load_checkpoint, only_run_in, save_checkpoint


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.format(steps=1))
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["shm-train", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def test_bad_input_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    empty, file = tmp_path / "empty", tmp_path / "file"
    empty.mkdir()
    file.touch()
    out = tmp_path / "run"
    good = {"--data": data, "--out": out, "--recipe": recipe_file, "--workers": 0}
    cases: list[tuple[str, dict[str, object], str]] = [
        ("mpn", {"--data": tmp_path / "nowhere"}, "no such folder"),
        ("mpn", {"--data": file}, "no such folder"),
        ("mpn", {"--data": empty}, "found no people"),
        ("mpn", {"--out": file}, "is a file; give a folder"),
        ("mpn", {"--out": file / "run"}, "cannot make this folder"),
        ("mpn", {"--recipe": "frist"}, "no such recipe; give one of adapt"),
        ("mpn", {"--begin-with": empty}, "mpn.pt: no such checkpoint"),
        ("qun", {}, "mpn.pt: no such checkpoint; train MPN first"),
        ("mrn", {}, "mpn.pt: no such checkpoint; train MPN first"),
    ]
    for which, changed, message in cases:
        options = [part for option in {**good, **changed}.items() for part in option]
        assert run(monkeypatch, which, *options) == 2, message
        written = capfd.readouterr()
        assert message in written.err
        assert written.err.startswith("error: ")
        assert written.err.count("\n") == 1
        assert not written.out
        assert not list(out.glob("*.pt"))


def test_data_without_cut_outs_are_told_before_mpn_has_trained_for_a_night(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "data"
    for kind in ("coarse", "backgrounds"):
        shutil.copytree(data / kind, masks / kind)
    monkeypatch.setattr("train.learning.runs.train_networks", lambda *_, **__: pytest.fail("it was told before"))
    options = ["--out", tmp_path / "run", "--workers", 0, "--recipe"]
    (tmp_path / "two.toml").write_text(f'[[course]]\nrecipe = "{recipe_file.name}"\n')
    for recipe in (recipe_file, tmp_path / "two.toml"):
        assert run(monkeypatch, "all", "--data", masks, *options, recipe) == 2
        [error] = capfd.readouterr().err.splitlines()
        assert f"--data {masks}: has no pictures in fine/ that the recipe draws from, for qun and mrn; train MPN alone" in error
    recipe_file.write_text(recipe_file.read_text() + "[fine_sets]\ncutouts = 0\nphotos = 0\n")
    assert run(monkeypatch, "all", "--data", data, *options, recipe_file) == 2


def test_a_recipe_that_keeps_a_share_of_the_weights_before_needs_some(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    """Without, half of the result was what a network begins with at random."""
    recipe_file.write_text(recipe_file.read_text().replace("[mpn]", "[mpn]\nkeep = 0.5"))
    options = ["--data", data, "--out", tmp_path / "run", "--recipe", recipe_file, "--workers", 0]
    assert run(monkeypatch, "mpn", *options) == 2
    [error] = capfd.readouterr().err.splitlines()
    assert error == "error: mpn: the recipe keeps a share of the weights that a run begins with; add --begin-with released"
    assert not (tmp_path / "run/mpn.pt").exists()


@pytest.mark.parametrize("arguments", [[], ["mpn"], ["everything", "--data", ".", "--out", "x"]])
def test_bad_usage(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_a_broken_picture_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], recipe_file: Path, tmp_path: Path
) -> None:
    write(tmp_path / "data/backgrounds/rooms/0.png", scenery(60, 80, 1))
    (tmp_path / "data/fine/cutouts").mkdir(parents=True)
    (tmp_path / "data/fine/cutouts/broken.png").write_text("no picture")
    options = ["--data", tmp_path / "data", "--out", tmp_path / "run", "--recipe", recipe_file, "--workers", 0]
    assert run(monkeypatch, "mpn", *options) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert "broken.png: cannot be read as a picture" in lines[-1]


def test_an_error_in_a_worker_ends_the_command(recipe_file: Path, tmp_path: Path) -> None:
    """The worker ignores SIGTERM, and multiprocessing joins it at exit: without being stopped it would go on for ever."""
    write(tmp_path / "data/backgrounds/rooms/0.png", scenery(60, 80, 1))
    (tmp_path / "data/fine/cutouts").mkdir(parents=True)
    (tmp_path / "data/fine/cutouts/broken.png").write_text("no picture")
    options = ["--data", tmp_path / "data", "--out", tmp_path / "run", "--recipe", recipe_file, "--workers", 1]
    command = [sys.executable, "-m", "train.commands.train", "mpn", *map(str, options)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 2
    told, begun, error = done.stderr.splitlines()
    assert told == "mpn: pictures of people: 1, and 0 held out; of nobody: 1"
    assert begun == "mpn: starting 1 worker, reading pictures for the first batch"
    assert error.startswith("error: ")
    assert "broken.png: cannot be read as a picture" in error


def test_all_three_tasks_then_nothing_is_left_to_do(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    options = ["--data", data, "--out", tmp_path / "run", "--recipe", recipe_file, "--workers", 0, "--threads", 1]
    assert run(monkeypatch, "all", *options) == 0
    assert capfd.readouterr().err.splitlines()[-1].startswith("done: ")
    assert {p.name for p in (tmp_path / "run").glob("*.pt")} == {"mpn.pt", "qun.pt", "mrn.pt"}
    assert run(monkeypatch, "mrn", *options) == 0


def test_two_runs_do_not_write_into_one_folder(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    """The later of two saves won, and took back what the other run had learnt."""
    out = tmp_path / "run"
    options = ["mpn", "--data", data, "--out", out, "--recipe", recipe_file, "--workers", 0]
    out.mkdir()
    with only_run_in(out):
        assert run(monkeypatch, *options) == 2
        told = "another shm-train is at work there; wait for it, or give another folder"
        assert capfd.readouterr().err.splitlines() == [f"error: --out {out}: {told}"]
    assert run(monkeypatch, *options) == 0
    assert run(monkeypatch, *options) == 0


def test_a_run_starts_from_the_weights_of_another(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    options = ["--data", data, "--workers", 0, "--threads", 1]
    assert run(monkeypatch, "mpn", "--out", tmp_path / "one", "--recipe", recipe_file, *options) == 0
    at_once = tmp_path / "at_once.toml"
    at_once.write_text(TINY.format(steps=0))
    begin = ["--begin-with", tmp_path / "one"]
    assert run(monkeypatch, "mpn", "--out", tmp_path / "two", "--recipe", at_once, *begin, *options) == 0
    one, two = (load_checkpoint(tmp_path / name / "mpn.pt") for name in ("one", "two"))
    assert two["step"] == 0
    assert all(torch.equal(value, two["average"][name]) for name, value in one["average"].items())
    told = f"{tmp_path / 'two/mpn.pt'}: is there, and goes on; --begin-with is for a new run, and does nothing here\n"
    assert told not in capfd.readouterr().err
    assert run(monkeypatch, "mpn", "--out", tmp_path / "two", "--recipe", at_once, *begin, *options) == 0
    assert told in capfd.readouterr().err  # it was silent


def test_training_starts_from_the_released_weights(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    options = ["--data", data, "--workers", 0, "--threads", 1, "--begin-with", "released"]
    assert run(monkeypatch, "mpn", "--out", tmp_path, "--recipe", recipe_file, *options) == 0
    trained, released = load_checkpoint(tmp_path / "mpn.pt")["average"], released_networks().mpn.state_dict()
    head = "head.weight"  # without normalisation: as released, but for what one step changes
    height, width = MODELS[BASE]  # not 64x32
    told = capfd.readouterr().err
    assert f"note: the released weights were trained on frames of {height}x{width}" in told
    assert "the recipe adapt has those of the base model, adapt-large of the large one" in told
    assert (height, width) != (64, 32)
    assert 0 < (trained[head] - released[head]).abs().max() < 0.02


def check_use(folder: Path, weights: str, frame: Frame) -> None:
    """Commands take the weights that the variable names, by a relative path, too, and say which they have not."""
    cv2.imwrite(str(folder / "frame.png"), frame[..., ::-1])
    options = ["--backend", "openvino", "--precision", "fp32", "-y"]
    lines = [["shm-image", "frame.png", "matte.png", *options, "--model", model] for model in MODELS]
    environment = os.environ | {"SHM_WEIGHTS": weights, "PYTHONPATH": str(ROOT)}
    own, other = answers([("realtime.commands.image", line) for line in lines], environment, folder)
    assert (own.code, other.code) == (0, 2), own.errors
    assert f"SHM_WEIGHTS names {folder / weights}: shm-train release --model large --out" in other.errors
    found = cv2.imread(str(folder / "matte.png"), cv2.IMREAD_UNCHANGED)[..., 3]
    with OpenVINOEngine(precision="fp32", folder=folder / weights) as engine, OpenVINOEngine(precision="fp32") as released:
        alphas = [finest_matte(frame, each).alpha for each in (engine, released)]
    near, far = (np.abs(found - 255 * alpha).max() for alpha in alphas)
    assert near < 1 < far


@pytest.mark.slow
def test_mrn_is_trained_behind_the_released_networks_and_released_with_them(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    data: Path,
    recipe_file: Path,
    tmp_path: Path,
) -> None:
    options = ["--data", data, "--workers", 0, "--threads", 1, "--on", "released"]
    assert run(monkeypatch, "mrn", "--out", tmp_path / "run", "--recipe", recipe_file, *options) == 0
    assert "note: the released weights were trained on frames of" in capfd.readouterr().err
    assert {p.name for p in (tmp_path / "run").glob("*.pt")} == {"mrn.pt"}
    monkeypatch.setattr("train.learning.calibration.scene_frames", partial(scene_frames, count=4))
    recwarn.clear()
    release(tmp_path / "run", data, Path("released"), tmp_path / "made")
    *notes, told = capfd.readouterr().err.splitlines()
    assert all(line.startswith("note: ") for line in notes)
    assert told == f"MPN of released, QUN of released, MRN of {tmp_path / 'run'}; exporting takes a minute or two"
    assert not recwarn.list
    made, released = (load_file(folder / BASE / SAFETENSORS) for folder in (tmp_path / "made", FOLDER))
    same = {name.partition(".")[0] for name, value in made.items() if torch.equal(value, released[name])}
    assert same == {"mpn", "qun"}
    manifest = verified(BASE, tmp_path / "made")
    assert manifest["training"]["mrn"]["steps"] == 1
    assert manifest["training"]["mpn"] == verified()["training"]["mpn"]
    frame = sample_frame("real", 97, 131)
    with TorchEngine(precision="fp32", device="cpu", folder=tmp_path / "made") as exact:
        check_graphs(tmp_path / "made" / BASE, exact, frame)
        with OpenVINOEngine(precision="int8", folder=tmp_path / "made") as rounded:
            assert 0 < np.abs(rounded(frame).unified - exact(frame).unified).mean() < 0.02
    check_use(tmp_path, "made", frame)
    words = [tmp_path / "run", "--on", "released", "--out", tmp_path / "made", "--data"]
    assert run(monkeypatch, "release", *words, tmp_path / "none", "--overwrite") == 2
    assert f"--data {tmp_path / 'none'}: no such folder" in capfd.readouterr().err
    assert run(monkeypatch, "release", *words, data) == 2
    assert "has weights of the base model already; give another folder, or --overwrite" in capfd.readouterr().err


def test_mpn_alone_is_released_with_the_other_networks_as_they_were(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    """All that photos with masks can train: QUN and MRN take cut-outs."""
    options = ["--data", data, "--workers", 0, "--threads", 1, "--begin-with", "released"]
    assert run(monkeypatch, "mpn", "--out", tmp_path / "run", "--recipe", recipe_file, *options) == 0
    taken: list[Any] = []
    monkeypatch.setattr("engines.graphs.export.export", lambda *arguments: taken.extend(arguments))
    capfd.readouterr()
    release(tmp_path / "run", data, Path("released"), tmp_path / "made")
    networks, folder, about = taken[:3]
    assert folder == tmp_path / "made" / BASE
    assert about["training"] == verified()["training"] | {"mpn": {"steps": 1, "hours": 0.0}}
    assert about["recipe"]["low_resolution"] == (64, 32)
    for name, released in released_networks()._asdict().items():
        same = [
            torch.equal(value, released.state_dict()[key])
            for key, value in getattr(networks, name).state_dict().items()
            if key in released.state_dict()
        ]
        assert all(same) == (name != "mpn"), name
    note, sources = capfd.readouterr().err.splitlines()
    assert note.endswith(
        "mpn.pt was trained on frames of 64x32 (height x width), and the base model shows it 416x320: its masks may be worse"
    )
    assert sources == f"MPN of {tmp_path / 'run'}, QUN of released, MRN of released; exporting takes a minute or two"
    save_checkpoint(load_checkpoint(tmp_path / "run/mpn.pt") | {"finished": False}, tmp_path / "run/mpn.pt")
    release(tmp_path / "run", data, Path("released"), tmp_path / "made")
    told = f"note: {tmp_path / 'run/mpn.pt'} was stopped at step 1; the same shm-train command finishes it"
    assert capfd.readouterr().err.splitlines()[0] == told


@pytest.mark.parametrize("command", ["mpn", "pack", "relabel"])
def test_what_is_left_out_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], recipe_file: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "data/coarse/ours/images").mkdir(parents=True)
    ours, out = tmp_path / "data/coarse/ours", tmp_path / "out"
    write(ours / "mask/0.png", scenery(40, 30, 1))
    monkeypatch.setattr("train.commands.relabel.load_engine", lambda *_, **__: pytest.fail("the note came before"))
    options = ["--data", ours.parents[1], "--out", out, "--recipe", recipe_file] if command == "mpn" else [ours.parents[1], out]
    with suppress(pytest.fail.Exception):
        assert run(monkeypatch, command, *options) == 2
    note, *error = capfd.readouterr().err.splitlines()
    assert note == f"note: {ours}: has no masks/ (images, mask): left out"
    assert error == [] or "found no people in fine/ or coarse/; docs/training.md describes the layout" in error[0]


def test_a_short_run_has_curves(monkeypatch: pytest.MonkeyPatch, data: Path, recipe_file: Path, tmp_path: Path) -> None:
    assert run(monkeypatch, "mpn", "--data", data, "--out", tmp_path / "one", "--recipe", recipe_file, "--workers", 0) == 0
    assert run(monkeypatch, "curves", tmp_path / "one", tmp_path / "curves.png") == 0


def test_curves_of_two_runs(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    recipe_file.write_text(TINY.format(steps=1).replace("validation = 0.0", "validation = 0.6"))
    runs = [tmp_path / "one", tmp_path / "two"]
    for out in runs:
        assert run(monkeypatch, "mpn", "--data", data, "--out", out, "--recipe", recipe_file, "--workers", 0) == 0
    picture = tmp_path / "curves.png"
    assert run(monkeypatch, "curves", *runs, picture) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    for arguments, message in (
        ([runs[0], picture], "exists; give another name, or --overwrite"),
        ([runs[0], runs[0], tmp_path / "new.png"], "a run is named twice"),
        ([runs[0], tmp_path / "new.txt"], "name a .png, .svg, .pdf file"),
        ([data, tmp_path / "new.png"], "has no logs"),
    ):
        capfd.readouterr()
        assert run(monkeypatch, "curves", *arguments) == 2
        error = capfd.readouterr().err
        assert message in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("module", ["train", "evaluate", "release", "curves", "clips", "blind"])
def test_help_needs_no_heavy_package(module: str) -> None:
    heavy = ("torch", "cv2", "numpy", "rich", "av", "matplotlib", "pymatting")
    code = f"import sys, train.commands.{module}; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("command", ["mpn", "curves"])
def test_a_missing_extra_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: str, tmp_path: Path
) -> None:
    for name in ("torch", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "train.evaluation.curves", raising=False)
    others = ["--data", tmp_path, "--out", tmp_path / "run"] if command == "mpn" else [tmp_path, tmp_path / "a.png"]
    assert run(monkeypatch, command, *others) == 2
    error = capfd.readouterr().err
    assert error.endswith("is not installed; type: pip install 'semantic-human-matting[train]'\n")
    assert error.count("\n") == 1
