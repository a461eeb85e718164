"""Recipes: the built-in ones, and mistakes in a user's own."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from engines.errors import DataError
from engines.geometry import BASE, MODELS, MPN_SIZES
from tests.train.conftest import TINY
from train.commands import train
from train.recipe import BASELINES, RECIPES, Recipe, TaskSettings, load_recipe


@pytest.mark.parametrize("name", sorted(p.stem for p in RECIPES.glob("*.toml") if p.stem != "release"))
def test_builtin_recipes_load(name: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.mpn.lambda_l, recipe.qun.lambda_1, recipe.qun.lambda_2, recipe.mrn.lambda_h) == (0.5, 0.25, 0.5, 0.5)
    sizes = {(192, 160)} if "192" in name or "table2" in name else {(256, 192), (288, 224), (384, 288), *MODELS.values()}
    assert recipe.low_resolution in sizes
    assert all(task.steps == 0 or task.steps > task.warm_up for task in (recipe.mpn, recipe.qun, recipe.mrn))


def test_the_default_recipe_trains_all_of_the_base_model_at_its_sizes() -> None:
    recipe = load_recipe(train.RECIPE)
    assert (recipe.low_resolution, recipe.seen) == (MODELS[BASE], MPN_SIZES[BASE])
    assert not min(recipe.second_resolution)
    assert not recipe.sets  # for any data
    assert all(task.steps >= 300 and not task.keep for task in (recipe.mpn, recipe.qun, recipe.mrn))


@pytest.mark.parametrize(("name", "model"), [("adapt", "base"), ("adapt-large", "large")])
def test_released_weights_are_adapted_at_the_sizes_of_their_model(name: str, model: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.low_resolution, recipe.seen) == (MODELS[model], MPN_SIZES[model])
    assert replace(load_recipe("adapt"), low_resolution=recipe.low_resolution, mpn_resolution=recipe.seen) == recipe
    assert not recipe.sets


@pytest.mark.parametrize("name", BASELINES)
def test_the_default_recipe_of_the_baselines_has_their_settings(name: str) -> None:
    assert getattr(load_recipe(train.RECIPE_OF_BASELINES), name) != TaskSettings()


def test_a_file_gives_what_it_says_and_defaults_for_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("seed = 7\nsets = {a = 2, b = 0.5}\n[mrn]\ncrop = [64, 48]\nlearning_rate = 1\n")
    expected = Recipe(seed=7, sets={"a": 2, "b": 0.5}, mrn=TaskSettings(crop=(64, 48), learning_rate=1))
    assert load_recipe(str(path)) == expected
    path.write_text("")
    assert load_recipe(str(path)) == Recipe()
    path.write_text(TINY.format(steps=3))
    assert load_recipe(str(path)).qun == TaskSettings(steps=3, batch=2, warm_up=1)
    assert load_recipe(str(path)).mpn == TaskSettings(steps=3, batch=2, warm_up=1, frozen_encoder_stages=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 1", "unknown setting 'sede'"),
        ("[mpn]\nstep = 1", r"\[mpn\]: unknown setting 'step'"),
        ("seed = ", "not valid TOML"),
        ("seed = 'one'", "'seed' must be a whole number"),
        ("seed = true", "'seed' must be a whole number"),
        ("empty = 'never'", "'empty' must be a number"),
        ("[mrn]\nunified = 1", "'unified' must be true or false"),
        ("mpn = 3", "'mpn' must be a table"),
        ("sets = [1.0]", "'sets' must be a table of numbers"),
        ("[sets]\nstudio = 'often'", "'sets' must be a table of numbers"),
        ("low_resolution = [192]", "'low_resolution' must be a list of 2 whole numbers"),
        ("[mrn]\ncrop = [64.5, 48]", "'crop' must be a list of 2 whole numbers"),
        ("low_resolution = [190, 160]", "multiples of 32"),
        ("low_resolution = [0, 160]", "'low_resolution' must be from 32 to 4096, not 0"),
        ("[mrn]\ncrop = [60, 48]", "multiples of 16"),
        ("[qun]\nbatch = 0", r"\[qun\]: 'batch' must be from 1 to 4096, not 0"),
        ("[mpn]\nsteps = -1", r"\[mpn\]: 'steps' must be from 0 to 1e\+09, not -1"),
        ("[mrn]\nbatch = 1000000000", r"\[mrn\]: 'batch' must be from 1 to 4096, not 1000000000"),
        ("[mrn]\nlearning_rate = nan", "'learning_rate' must be from 0 to 100, not nan"),
        ("[mrn]\nlearning_rate = inf", "'learning_rate' must be from 0 to 100, not inf"),
        ("[mrn]\naverage = 1.0", "'average' must be from 0 to less than 1, not 1.0"),
        ("[mpn]\nfrozen_encoder_stages = 9", "'frozen_encoder_stages' must be from 0 to 7, not 9"),
        ("validation = 7.5", "'validation' must be from 0 to less than 1, not 7.5"),
        ("empty = nan", "'empty' must be from 0 to 1, not nan"),
        ("seed = -1", "'seed' must be from 0 to"),
        (f"seed = 1{40 * '0'}", "'seed' must be from 0 to"),
        ("[sets]\nstudio = -2.0", "'sets.studio' must be from 0 to 1e\\+06, not -2.0"),
        ("[composed]\nstudio = 2", "'composed.studio' must be from 0 to 1, not 2"),
        ("low_resolution = [1048576, 32]", "'low_resolution' must be from 32 to 4096, not 1048576"),
        (f"seed = {5000 * '['}", "nested too deeply"),
        (f"seed = {5000 * '1'}", "not valid TOML: Exceeds the limit"),
        (f"seed.{5000 * 'a.'}a = 1", "nested too deeply|'seed' must be a whole number"),
        ("[augment]\nhail = 1", r"\[augment\]: unknown setting 'hail'; known are flip"),
        ("[augment]\nnoise = 1.5", r"\[augment\]: 'noise' must be from 0 to 1, not 1.5"),
    ],
)
def test_mistakes_are_reported_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load_recipe(str(path))
    assert "own.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes and devices")
def test_a_pipe_is_not_waited_for_nor_a_device_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.toml")
    for path in (tmp_path / "own.toml", Path("/dev/zero")):
        with pytest.raises(DataError, match="is a device or a pipe"):
            load_recipe(str(path))


def test_no_such_recipe(tmp_path: Path) -> None:
    known = "adapt, adapt-large, all-192, all-192-cross-entropy, all-base"
    with pytest.raises(DataError, match=f"no such recipe; give one of {known}"):
        load_recipe("frist")
    with pytest.raises(DataError, match="no such recipe"):
        load_recipe(str(tmp_path))
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match="no such recipe"):
        load_recipe(str(tmp_path / "picture.toml"))
