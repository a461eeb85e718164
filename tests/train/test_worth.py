"""What an augmentation is worth, and training curves: on toy data, a step or two a run."""

import json
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from engines import InputError
from tests.train.conftest import TINY
from train import curves, worth
from train.checkpoints import load_checkpoint
from train.recipe import Augment, Recipe, Stage
from train.worth import PLAIN, WITH_ALL, Worth, left_out, telling


def run(module: object, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        module.main()  # type: ignore[attr-defined]
    return int(caught.value.code or 0)


def test_each_augmentation_is_left_out_once() -> None:
    recipe = Recipe(augment=Augment(turn=0))
    variants = left_out("mpn", recipe, None)
    assert list(variants) == [WITH_ALL, "flip", "tint", "light", "blur", "noise", "compression"]
    assert variants[WITH_ALL] == recipe
    assert variants["noise"] == replace(recipe, augment=Augment(turn=0, noise=0))
    assert list(left_out("mpn", recipe, ["blur"])) == [WITH_ALL, "blur"]
    assert left_out("mpn", recipe, ["blur+noise"]) == {
        WITH_ALL: recipe,
        "blur+noise": replace(recipe, augment=Augment(turn=0, blur=0, noise=0)),
    }
    with pytest.raises(InputError, match="--without hail: no augmentation, nor a set for mpn; give one of flip, turn"):
        left_out("mpn", recipe, ["hail"])
    with pytest.raises(InputError, match="--without turn: the recipe has none of it for mpn"):
        left_out("mpn", recipe, ["turn"])
    assert (PLAIN.light, PLAIN.noise, PLAIN.flip) == (0, 0, 0.5)


def test_only_a_set_that_the_network_draws_can_be_left_out() -> None:
    drawn = Recipe(sets={"street": 0.8, "studio": 0.0}, fine_sets={"studio": 3.0})
    both = left_out("mpn", drawn, ["street", "noise"])
    assert list(both) == [WITH_ALL, "street", "noise"]
    assert both["street"] == replace(drawn, sets={"street": 0.0, "studio": 0.0}, fine_sets={"studio": 3.0, "street": 0.0})
    assert left_out("mpn", drawn, ["street+noise"])["street+noise"] == replace(both["street"], augment=Augment(noise=0))
    assert left_out("mrn", drawn, ["studio"])["studio"] == replace(drawn, fine_sets={"studio": 0.0})
    with pytest.raises(InputError, match="--without studio: the recipe has none of it for mpn"):
        left_out("mpn", drawn, ["studio"])
    with pytest.raises(InputError, match=r"--without portraits: .*, nor a set for mpn; give one of flip, .*, street, studio$"):
        left_out("mpn", drawn, ["portraits"])
    with pytest.raises(InputError, match=r"--without street: .*, nor a set for mrn; give one of flip, .*, studio$"):
        left_out("mrn", drawn, ["street"])  # a coarse set: mrn would learn the same twice


def test_a_short_run_is_not_averaged_away_with_what_it_began_with() -> None:
    kept = Stage(steps=1500, keep=0.5, average=0.998)
    short = telling(kept, 150)
    assert (short.steps, short.keep) == (150, 0)
    assert short.average == pytest.approx(0.98)
    assert short.average**150 < 0.06  # what is left of the beginning; it was 0.87 of 1
    assert telling(kept, 4000).average == 0.998
    assert telling(kept, 2).average == 0


def test_a_long_name_takes_no_room_from_the_figures(tmp_path: Path) -> None:
    together = "+".join(asdict(Augment()))
    scores = [Worth(WITH_ALL, 1, 0.02, 0.01), Worth(together, 1, 0.0234, 0.0112)]
    worth.write(scores, 300, {"with all": logged(tmp_path / "run", 0.1)}, tmp_path)
    table = (tmp_path / "worth.txt").read_text()
    assert re.search(r"flip.* 23\.40 +\+3\.40 \(\+3\.40\) +11\.20 +\+1\.20 \(\+1\.20\)", table)
    assert "compression" in table
    assert "…" not in table


def alike(one: Path, other: Path) -> float:
    """The cosine between all weights of two runs: 1 for those that a few batches made of the same beginning."""
    a, b = (
        torch.cat([v.flatten() for k, v in load_checkpoint(path)["average"].items() if k.endswith("weight")])
        for path in (one, other)
    )
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


@pytest.mark.slow
def test_runs_are_scored_on_the_same_people(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    recipe, out = tmp_path / "tiny.toml", tmp_path / "worth"
    recipe.write_text(TINY.format(steps=9).replace("validation = 0.0", "validation = 0.4") + "[fine_sets]\ncutouts = 1.0\n")
    monkeypatch.setattr(worth, "JUDGED", 2)
    options = ["--data", data, "--out", out, "--recipe", recipe, "--steps", 2, "--seeds", 1, "--workers", 0, "--threads", 1]
    assert run(worth, monkeypatch, "mrn", *options, "--without", "noise") == 0
    made = json.loads((out / "worth.json").read_text())
    assert made["steps"] == 2
    assert [score["without"] for score in made["scores"]] == [WITH_ALL, "noise"]
    assert all(0 < score[kind] < 1 for score in made["scores"] for kind in ("camera", "plain"))
    table = (out / "worth.txt").read_text()
    assert table in capfd.readouterr().out
    assert f"{1e3 * made['scores'][1]['camera']:.2f}" in table
    assert {path.name for path in out.iterdir()} == {"all-1", "noise-1", "worth.json", "worth.txt", "worth.png"}

    before = (out / "noise-1/mrn.pt").stat().st_mtime_ns
    assert run(worth, monkeypatch, "mrn", *options, "--without", "noise") == 0
    assert (out / "noise-1/mrn.pt").stat().st_mtime_ns == before
    assert json.loads((out / "worth.json").read_text()) == made

    assert run(worth, monkeypatch, "mrn", *options, "--without", "cutouts") == 0
    of_sets = json.loads((out / "worth.json").read_text())["scores"]
    assert [score["without"] for score in of_sets] == [WITH_ALL, "cutouts"]
    assert of_sets[0]["camera"] != made["scores"][0]["camera"]  # the same weights: nobody of the set is judged on
    assert load_checkpoint(out / "cutouts-1/mrn.pt")["recipe"]["fine_sets"] == {"cutouts": 0.0}

    options[options.index(out)] = tmp_path / "anew"
    assert run(worth, monkeypatch, "mrn", *options, "--without", "noise", "--begin-with", "nothing") == 0
    assert alike(out / "all-1/mrn.pt", out / "noise-1/mrn.pt") > 0.99
    assert alike(out / "all-1/mrn.pt", tmp_path / "anew/all-1/mrn.pt") < 0.5


def test_what_cannot_be_told_is_refused(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY.format(steps=1))
    options = ["--data", data, "--out", tmp_path / "out", "--recipe", recipe]
    for network, message in (("qun", "qun: give mpn or mrn"), ("mpn", "keeps nobody out to judge on")):
        assert run(worth, monkeypatch, network, *options) == 2
        written = capfd.readouterr().err
        assert message in written
        assert written.count("\n") == 1


def logged(folder: Path, offset: float) -> Path:
    with SummaryWriter(str(folder / "logs/mrn")) as log:
        for step in (50, 100, 150):
            log.add_scalar("validation/mse", offset + step / 1000, step)
            log.add_scalar("train/loss", offset, step)
    return folder


def test_curves_are_read_as_they_were_logged(tmp_path: Path) -> None:
    found = curves.read_curves(logged(tmp_path / "run", 0.5) / "logs/mrn")
    assert found.keys() == {"validation/mse", "train/loss"}
    assert [step for step, _ in found["validation/mse"]] == [50, 100, 150]
    assert [value for _, value in found["validation/mse"]] == pytest.approx([0.55, 0.6, 0.65])
    logged(tmp_path / "run", 0.7)  # gone on with from before these steps
    assert [value for _, value in curves.read_curves(tmp_path / "run/logs/mrn")["validation/mse"]] == pytest.approx(
        [0.75, 0.8, 0.85]
    )
    assert curves.read_curves(tmp_path / "run/logs/mpn") == {}


def test_curves_are_drawn(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, two, picture = logged(tmp_path / "one", 0.1), logged(tmp_path / "two", 0.2), tmp_path / "curves.png"
    assert run(curves, monkeypatch, one, two, picture) == 0
    pixels = cv2.imread(str(picture))
    assert pixels is not None
    both = {tuple(pixel) for pixel in np.unique(pixels.reshape(-1, 3), axis=0)}
    assert {(180, 119, 31), (14, 127, 255)} <= both  # a line of each run's colour
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([one, picture], "exists; give another name, or --overwrite"),
        ([one, tmp_path / "a.gif"], "name a .png, .svg, .pdf file"),
        ([tmp_path / "empty", tmp_path / "b.png"], "has no logs of a stage"),
        ([one, one, tmp_path / "b.png"], "a run is named twice"),
    ):
        assert run(curves, monkeypatch, *arguments) == 2
        assert message in capfd.readouterr().err
    assert run(curves, monkeypatch, one, picture, "--overwrite") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "empty", "curves.png"}
