"""Schedules: reading them, mistakes in them, and `shm-train all` by one."""

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from engines.commands.running import UsageError
from engines.errors import DataError
from engines.networks import Networks
from tests.train.commands.test_train import run
from tests.train.conftest import TINY, figure, make_data, scenery, write
from train.commands import relabel as relabelling
from train.commands.release import release
from train.commands.train import jobs
from train.data import relabel
from train.learning import trainer
from train.learning.checkpoints import load_checkpoint
from train.learning.runs import Run
from train.learning.schedule import Phase, Schedule, load_recipe_or_schedule
from train.recipe import Recipe

PHASES = """\
[[course]]
recipe = "one.toml"
networks = ["qun", "mpn"]
[[course]]
recipe = "two.toml"
networks = ["qun"]
begin_with = "one"
on = "one"
[[course]]
recipe = "three.toml"
networks = ["mrn"]
on = "one"
[[course]]
recipe = "four.toml"
networks = ["mpn"]
begin_with = "one"
relabelled_by = "three"
keep_masks = []
"""


@pytest.fixture
def schedule_file(tmp_path: Path) -> Path:
    """Four phases of one step each."""
    for seed, name in enumerate(("one", "two", "three", "four")):
        (tmp_path / f"{name}.toml").write_text(f"seed = {seed}\n" + TINY.format(steps=1))
    path = tmp_path / "schedule.toml"
    path.write_text(PHASES)
    return path


def test_a_schedule_is_read(schedule_file: Path, tmp_path: Path) -> None:
    plan = load_recipe_or_schedule(str(schedule_file))
    assert isinstance(plan, Schedule)
    assert [phase.name for phase in plan.phases] == ["one", "two", "three", "four"]
    assert plan.phases[1] == Phase(str(tmp_path / "two.toml"), ("qun",), "one", "one")
    assert plan.phases[3] == Phase(str(tmp_path / "four.toml"), ("mpn",), "one", relabelled_by="three")
    assert [recipe.seed for recipe in plan.recipes] == [0, 1, 2, 3]
    out = Path("out")
    assert plan.runs(out) == [
        Run(out / "one"),
        Run(out / "two", out / "one", out / "one"),
        Run(out / "three", None, out / "one"),
        Run(out / "four", out / "one"),
    ]


def test_the_release_schedule_trains_all_three() -> None:
    plan = load_recipe_or_schedule("release")
    assert isinstance(plan, Schedule)
    assert {network for phase in plan.phases for network in phase.networks} == {"mpn", "qun", "mrn"}
    assert isinstance(load_recipe_or_schedule("all-192"), Recipe)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[course]]", "seed = 1\n[[course]]", "has nothing beside it"),
        (PHASES, "course = 3", "has nothing beside it"),
        ("begin_with", "begins", "[[course]] 2: unknown setting 'begins'; known are recipe"),
        ('on = "one"\n[[', "on = 3\n[[", "[[course]] 2: 'on' must be a name, not 3"),
        ('["mrn"]', '["nrm"]', "[[course]] 3: 'networks' must be a list of mpn, qun, mrn"),
        ('["mrn"]', '"mrn"', "[[course]] 3: 'networks' must be a list of mpn, qun, mrn"),
        ('recipe = "two.toml"\n', "", "[[course]] 2: needs a 'recipe'"),
        ("two.toml", "one.toml", "[[course]] 2: an earlier one has the recipe 'one' too"),
        ('begin_with = "one"', 'begin_with = "three"', "[[course]] 2: 'begin_with' is not the name of an earlier one: 'three'"),
        (
            '["mrn"]\non = "one"',
            '["mrn"]\nbegin_with = "one"',
            "[[course]] 3: 'one' does not train all of mrn, which begin with it",
        ),
        ('["mrn"]\non = "one"', '["mrn"]\non = "two"', "[[course]] 3: mrn needs mpn before it; name an earlier one"),
        ('["mrn"]\non = "one"', '["mrn"]', "[[course]] 3: mrn needs mpn, qun before it; name an earlier one"),
        (PHASES[PHASES.index('[[course]]\nrecipe = "three') :], "", "no [[course]] trains mrn"),
        ("four.toml", "five.toml", "five.toml: no such recipe"),
        (
            'relabelled_by = "three"',
            'relabelled_by = "two"',
            "[[course]] 4: 'two' does not train mrn, which 'relabelled_by' needs",
        ),
        (
            'relabelled_by = "three"',
            'relabelled_by = "five"',
            "[[course]] 4: 'relabelled_by' is not the name of an earlier one",
        ),
        ("keep_masks = []", 'keep_masks = "street"', "[[course]] 4: 'keep_masks' must be a list of sets, not 'street'"),
    ],
)
def test_mistakes_are_reported_in_one_line(schedule_file: Path, old: str, new: str, message: str) -> None:
    assert old in PHASES
    schedule_file.write_text(PHASES.replace(old, new, 1 if old == "[[course]]" else -1))
    with pytest.raises(DataError) as caught:
        load_recipe_or_schedule(str(schedule_file))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_phases_are_trained_and_resume_where_they_were_stopped(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, schedule_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["all", "--data", data, "--out", out, "--recipe", schedule_file, "--workers", 0, "--threads", 1]
    stopped = trainer.Trainer.run

    def stops_at_the_second_phase(self: trainer.Trainer) -> bool:
        return self.out.name != "two" and stopped(self)

    with monkeypatch.context() as patched:
        patched.setattr(trainer.Trainer, "run", stops_at_the_second_phase)
        assert run(monkeypatch, *options) == 130
    assert "the same command resumes" in capfd.readouterr().err
    made = {str(path.relative_to(out)) for path in out.rglob("*.pt")}
    assert made == {"one/mpn.pt", "one/qun.pt"}
    before = (out / "one/mpn.pt").stat().st_mtime_ns

    # One step teaches nothing: another hand draws what these networks would.
    monkeypatch.setattr(relabel, "alpha_of", lambda _, frame: figure(*frame.shape[:2], 0.25) / np.float32(255))
    assert run(monkeypatch, *options) == 0
    assert "note: three draws the masks of four on frames of 320x256" in capfd.readouterr().err
    assert (out / "one/mpn.pt").stat().st_mtime_ns == before  # a finished task is left alone
    made |= {"two/qun.pt", "three/mrn.pt", "four/mpn.pt", "mpn.pt", "qun.pt", "mrn.pt"}
    assert {str(path.relative_to(out)) for path in out.rglob("*.pt")} == made
    for name, phase in (("mpn", "four"), ("qun", "two"), ("mrn", "three")):
        assert (out / f"{name}.pt").read_bytes() == (out / phase / f"{name}.pt").read_bytes()
    masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (out / "four/data/coarse/street/masks").iterdir()]
    assert len(masks) == 3
    assert all(len(np.unique(mask)) > 2 for mask in masks)  # those of the data have two levels
    assert load_checkpoint(out / "four/mpn.pt")["step"] == 1
    first, then = (load_checkpoint(out / phase / "qun.pt")["average"] for phase in ("one", "two"))
    assert 0 < max(float((then[name] - value).abs().max()) for name, value in first.items() if value.ndim == 4) < 0.01
    released: list[Networks] = []
    export = SimpleNamespace(export=lambda networks, *_: released.append(networks))
    monkeypatch.setitem(sys.modules, "engines.graphs.export", export)  # its ONNX is tested elsewhere, and slow
    release(out, data, None, tmp_path / "released")
    for name, network in released[0]._asdict().items():
        weights = load_checkpoint(out / f"{name}.pt")["average"]
        assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("phase", "named", "message"),
    [
        ("four", "[sets]\nparties = 2.0", ""),
        ("four", "[sets]\npartys = 2.0", "no set 'partys'; it has cutouts, parties, photos, street"),
        ("four", "[fine_sets]\nparties = 2.0", "'parties' has masks only"),
        ("one", "[sets]\nparties = 2.0", "no set 'parties'"),
    ],
)
def test_a_relabelled_phase_may_name_sets_that_have_no_masks_yet(
    schedule_file: Path, tmp_path: Path, phase: str, named: str, message: str
) -> None:
    data = make_data(tmp_path / "data")
    write(data / "unlabelled/parties/7.jpg", scenery(90, 70, 3))
    with (tmp_path / f"{phase}.toml").open("a") as recipe:
        recipe.write(f"\n{named}\n")
    plan = load_recipe_or_schedule(str(schedule_file))
    with pytest.raises(UsageError, match=message) if message else nullcontext():
        assert len(jobs("all", plan, str(schedule_file), data, Run(tmp_path / "out"))) == 4


def test_masks_to_keep_that_are_missing_are_said_before_any_training(data: Path, schedule_file: Path, tmp_path: Path) -> None:
    schedule_file.write_text(PHASES.replace("keep_masks = []", 'keep_masks = ["streets"]'))
    plan = load_recipe_or_schedule(str(schedule_file))
    with pytest.raises(UsageError, match="has no set streets in coarse/; it has street"):
        jobs("all", plan, str(schedule_file), data, Run(tmp_path / "out"))


def test_the_release_may_be_trained_on_any_data(data: Path, tmp_path: Path) -> None:
    plan = load_recipe_or_schedule("release")
    assert isinstance(plan, Schedule)
    assert any(phase.keep_masks for phase in plan.phases)
    assert len(jobs("all", plan, "release", data, Run(tmp_path / "out"))) == len(plan.phases)


@pytest.mark.parametrize("changed", ["nothing", "data", "teacher", "keep_masks"])
def test_masks_that_were_drawn_from_something_else_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, schedule_file: Path, tmp_path: Path, changed: str
) -> None:
    plan, out, data = load_recipe_or_schedule(str(schedule_file)), tmp_path / "out", tmp_path / "data"
    assert isinstance(plan, Schedule)
    files = [data / "coarse/street/images/0.jpg", *(out / name for name in ("one/mpn.pt", "one/qun.pt", "three/mrn.pt"))]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1")
    drawn: list[Path] = []
    monkeypatch.setattr("train.learning.runs.load_frozen", lambda kind, _: kind())
    monkeypatch.setattr(relabelling, "draw_masks", lambda _data, copy, _engine, _keep: (drawn.append(copy), copy.mkdir()))
    phase = plan.phases[3]
    copy = relabelling.draw_masks_for_phase(data, plan, phase, out)
    if changed in ("data", "teacher"):
        files[0 if changed == "data" else 3].write_text("other")
    elif changed == "keep_masks":
        phase = replace(phase, keep_masks=("street",))
    with (
        nullcontext() if changed == "nothing" else pytest.raises(DataError, match=r"four/data: .*; delete it to draw them anew")
    ):
        assert relabelling.draw_masks_for_phase(data, plan, phase, out) == copy
    assert drawn == [copy]


def test_options_that_a_schedule_decides_are_refused(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, schedule_file: Path, tmp_path: Path
) -> None:
    options = ["--data", data, "--out", tmp_path / "out", "--recipe", schedule_file]
    for extra in (["mpn"], ["all", "--on", "released"], ["all", "--begin-with", "released"]):
        assert run(monkeypatch, *extra, *options) == 2
        assert "is a schedule; give it to `shm-train all`" in capfd.readouterr().err
