"""What a run that was stopped, or killed, takes over from its checkpoint."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.errors import DataError
from tests.train.conftest import write
from train.data.library import Library, open_library
from train.data.origin import origin_of
from train.learning import trainer as training
from train.learning.checkpoints import load_checkpoint, save_checkpoint
from train.learning.tasks import mpn_task
from train.learning.trainer import Trainer
from train.recipe import Recipe


def trainer(library: Library, recipe: Recipe, out: Path) -> Trainer:
    return Trainer(mpn_task(recipe, pretrained=False), library, recipe, out, workers=0, precision="fp32")


@pytest.fixture
def keeping(recipe: Recipe) -> Recipe:
    """A recipe whose final weights keep a share of the initial ones."""
    return replace(recipe, mpn=replace(recipe.mpn, keep=0.25))


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_the_initial_weights_are_where_the_network_is(
    library: Library, keeping: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(library, keeping, tmp_path).save()
    monkeypatch.setattr(training, "device", lambda: torch.device("meta"))  # for a GPU: a device other than the checkpoint's
    resumed = trainer(library, keeping, tmp_path)
    assert resumed.start.keys() == resumed.network.state_dict().keys()
    assert {value.device.type for value in resumed.start.values()} == {"meta"}


def test_no_checkpoint_of_the_last_step_lacks_the_share_of_the_initial_weights(
    library: Library, keeping: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def validate(self: Trainer) -> dict[str, float]:
        seen.append((self.step, load_checkpoint(self.path)["step"]))  # what a kill would leave at this moment
        return {}

    monkeypatch.setattr(training, "SAVE_EVERY", -1.0)
    monkeypatch.setattr(Trainer, "validate", validate)
    assert trainer(library, keeping, tmp_path).run()
    assert seen == [(1, 1), (2, 2), (3, 2)]
    assert load_checkpoint(tmp_path / "mpn.pt")["step"] == 3


def test_a_checkpoint_from_before_a_setting_existed_had_its_default(library: Library, recipe: Recipe, tmp_path: Path) -> None:
    trainer(library, recipe, tmp_path).save()
    state = load_checkpoint(tmp_path / "mpn.pt")
    for removed in ("held", "augment.defocus", "mpn.keep", "sets"):
        *table, name = removed.split(".")
        settings = state["recipe"][table[0]] if table else state["recipe"]
        del settings[name]
        save_checkpoint(state, tmp_path / "mpn.pt")
        assert trainer(library, recipe, tmp_path).step == 0, removed
    blurred = replace(recipe, augment=replace(recipe.augment, defocus=0.1))
    with pytest.raises(DataError, match=r"was made with another recipe, by its augment; give another folder, or that recipe"):
        trainer(library, blurred, tmp_path)
    sooner = replace(recipe, low_resolution=(32, 32), mpn=replace(recipe.mpn, average=0.9, steps=9))
    with pytest.raises(DataError, match=r"was made with another recipe, by its low_resolution, average; give"):
        trainer(library, sooner, tmp_path)


def test_a_run_says_that_its_data_have_changed(
    data: Path, recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, out = shutil.copytree(data, tmp_path / "copy"), tmp_path / "run"

    def said(steps: int) -> list[str]:
        assert trainer(open_library(copy), replace(recipe, mpn=replace(recipe.mpn, steps=steps)), out).run()
        return [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]

    assert said(1) == []
    copy = copy.rename(tmp_path / "elsewhere")
    assert said(2) == []
    shutil.copyfile(copy / "backgrounds/rooms/0.jpg", copy / "backgrounds/rooms/new.jpg")
    assert said(3) == ["note: mpn goes on with other data: 10 pictures of people and 4 of nobody, where it had 10 and 3"]
    assert said(3) == []
    write(copy / "coarse/street/masks/0.png", np.zeros((100, 81), np.uint8))  # another mask of the same name
    assert said(3) == [
        "note: mpn is finished, and did not learn from these data: as many pictures as it had, some of another name or size; "
        "give another folder to train on them"
    ]
    state = load_checkpoint(out / "mpn.pt")
    del state["data"]  # which earlier versions did not store
    save_checkpoint(state, out / "mpn.pt")
    assert said(3) == []
    assert said(4) == []
    assert load_checkpoint(out / "mpn.pt")["data"]["nobody"] == 4


def test_qun_and_mrn_do_not_mind_other_coarse_data(library: Library) -> None:
    fewer = replace(library, subjects=tuple(each for each in library.subjects if each.fine))
    assert origin_of(library, fine_only=True) == origin_of(fewer, fine_only=True)
    assert origin_of(library, fine_only=False) != origin_of(fewer, fine_only=False)


def test_a_save_that_fails_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint({"step": 1}, path)
    with pytest.raises(Exception, match=r"pickle|local"):
        save_checkpoint({"step": lambda: None}, path)
    assert torch.load(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_a_full_disk_is_one_line_and_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object, path: Path) -> None:
        path.write_bytes(b"as far as it went")
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 31440576 vs 31440464")

    path = tmp_path / "a.pt"
    save_checkpoint({"step": 1}, path)
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(DataError, match=r"a\.pt: cannot be written; make room on the disk; the same command resumes"):
        save_checkpoint({"step": 2}, path)
    assert torch.load(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]
