"""Recipes: the ones that ship, and mistakes in a user's own."""

from pathlib import Path

import pytest

from engines.errors import MattingError
from engines.geometry import LOW_RESOLUTION
from tests.train.conftest import TINY
from train.recipe import RECIPES, Recipe, Stage, load_recipe


@pytest.mark.parametrize("name", sorted(p.stem for p in RECIPES.glob("*.toml") if p.stem != "release"))
def test_shipped_recipes_load(name: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.mpn.lambda_l, recipe.qun.lambda_1, recipe.qun.lambda_2, recipe.mrn.lambda_h) == (0.5, 0.25, 0.5, 0.5)
    before = ("first", "second", "fourth", "fifth", "sixth", "seventh")  # when engines, too, had the paper's
    small = (*before, "ablation_augment")  # whose runs are compared with each other alone
    assert recipe.low_resolution == ((192, 160) if name in small else LOW_RESOLUTION)
    assert all(stage.steps == 0 or stage.steps > stage.warm_up for stage in (recipe.mpn, recipe.qun, recipe.mrn))


def test_there_is_a_recipe_that_ships() -> None:
    assert (RECIPES / "first.toml").is_file()


def test_a_file_gives_what_it_says_and_defaults_for_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("seed = 7\nsets = {a = 2, b = 0.5}\n[mrn]\ncrop = [64, 48]\nlearning_rate = 1\n")
    expected = Recipe(seed=7, sets={"a": 2, "b": 0.5}, mrn=Stage(crop=(64, 48), learning_rate=1))
    assert load_recipe(str(path)) == expected
    path.write_text("")
    assert load_recipe(str(path)) == Recipe()
    path.write_text(TINY.format(steps=3))
    assert load_recipe(str(path)).qun == Stage(steps=3, batch=2, warm_up=1)
    assert load_recipe(str(path)).mpn == Stage(steps=3, batch=2, warm_up=1, frozen_encoder_stages=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 1", "unknown setting 'sede'"),
        ("[mpn]\nstep = 1", r"\[mpn\]: unknown setting 'step'"),
        ("seed = ", "not valid TOML"),
        ("seed = 'one'", "'seed' must be a whole number"),
        ("seed = true", "'seed' must be a whole number"),
        ("empty = 'never'", "'empty' must be a number"),
        ("mpn = 3", "'mpn' must be a table"),
        ("sets = [1.0]", "'sets' must be a table of numbers"),
        ("[sets]\nstudio = 'often'", "'sets' must be a table of numbers"),
        ("low_resolution = [192]", "'low_resolution' must be a list of 2 whole numbers"),
        ("[mrn]\ncrop = [64.5, 48]", "'crop' must be a list of 2 whole numbers"),
        ("low_resolution = [190, 160]", "multiples of 32"),
        ("low_resolution = [0, 160]", "multiples of 32"),
        ("[mrn]\ncrop = [60, 48]", "multiples of 16"),
        ("[qun]\nbatch = 0", "'batch' must be 1 or more"),
        ("[augment]\nhail = 1", r"\[augment\]: unknown setting 'hail'; known are flip"),
        ("[augment]\nnoise = 1.5", r"\[augment\]: 'noise' must be from 0 to 1, not 1.5"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(MattingError, match=message) as caught:
        load_recipe(str(path))
    assert "own.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_recipe(tmp_path: Path) -> None:
    known = "ablation_all, ablation_augment, ablation_fine, ablation_synthetic, eighth"
    with pytest.raises(MattingError, match=f"no such recipe; give one of {known}"):
        load_recipe("frist")
    with pytest.raises(MattingError, match="no such recipe"):
        load_recipe(str(tmp_path))
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(MattingError, match="no such recipe"):
        load_recipe(str(tmp_path / "picture.toml"))
