"""Everything that a training run depends on, in one readable TOML file, stored into each checkpoint it makes."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.errors import DataError
from engines.geometry import LOW_RESOLUTION

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Stage:
    """One network's training. The loss weights have the paper's names and values (equations 2, 5 and 6)."""

    steps: int = 1000
    batch: int = 16
    learning_rate: float = 1e-3
    encoder_learning_rate: float = 1e-3  # MPN: of the layers with ImageNet weights
    frozen_encoder_stages: int = 0  # MPN: how many of these, and the stem, keep their ImageNet weights
    warm_up: int = 200  # steps
    weight_decay: float = 1e-2
    average: float = 0.998  # decay of the exponential moving average of the weights: what is saved for use
    keep: float = 0.0  # share of what the stage began with in what it ends with: the mean of two near each other is steadier
    lambda_l: float = 0.5  # MPN, equation 2
    lambda_1: float = 0.25  # QUN, equation 5: identity
    lambda_2: float = 0.5  # QUN, equation 5: consistency
    lambda_h: float = 0.5  # MRN, equation 6
    cross_entropy: float = 0.0  # MPN and MRN: weight of this term beside equations 2 and 6
    crop: tuple[int, int] = (384, 320)  # MRN: height and width in pixels
    exact: float = 0.0  # MRN: share of masks that are the truth at low resolution, rather than what MPN and QUN make
    degrade: float = 0.5  # MRN: share of masks that are made worse than they came


@dataclass(frozen=True)
class Augment:
    """How often each augmentation is done, from 0 (left out) to 1. `python -m train.worth` tells what each is worth."""

    flip: float = 0.5  # the whole frame, a person or a background mirrored
    turn: float = 0.3  # parts of photos, by a few degrees
    tint: float = 1.0  # light and colour of each person and background by itself
    light: float = 0.7  # exposure, gamma, contrast, white balance and saturation of the whole frame
    blur: float = 0.175  # out of focus, or moved. Three pictures in ten have none of these three, so at most 0.7 have one
    noise: float = 0.28
    compression: float = 0.28  # JPEG


@dataclass(frozen=True)
class Recipe:
    """The three stages and what they draw from."""

    seed: int = 1
    low_resolution: tuple[int, int] = LOW_RESOLUTION  # height, width of a portrait frame at MPN and QUN; landscape swaps them
    validation: float = 0.03  # share of the subjects that are kept out to watch the training
    empty: float = 0.05  # share of frames with nobody in them
    props: float = 0.0  # share of composed frames with things behind people, and before them
    whole: float = 0.5  # share of photos that MPN sees whole, rather than in part
    composed: dict[str, float] = field(default_factory=dict)  # share of a set's photos that are put on another background
    sets: dict[str, float] = field(default_factory=dict)  # how often a set is drawn; 1 where it is not named, 0 leaves it out
    fine_sets: dict[str, float] = field(default_factory=dict)  # the same for QUN and MRN, which see fine data only
    augment: Augment = field(default_factory=Augment)
    mpn: Stage = field(default_factory=Stage)
    qun: Stage = field(default_factory=Stage)
    mrn: Stage = field(default_factory=Stage)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as a checkpoint keeps it."""
        return dataclasses.asdict(self)


def _wanted(value: Any, default: Any) -> str:
    """What a setting must be that is not of its default's type; empty if it is."""
    numbers = (int, float) if isinstance(default, float) else int
    if dataclasses.is_dataclass(default):
        return "" if isinstance(value, dict) else "a table"
    if isinstance(default, dict):
        fits = isinstance(value, dict) and not any(_wanted(v, 0.0) for v in value.values())
        return "" if fits else "a table of numbers"
    if isinstance(default, tuple):
        fits = isinstance(value, list) and len(value) == len(default) and not any(map(_wanted, value, default))
        return "" if fits else f"a list of {len(default)} whole numbers"
    fits = isinstance(value, numbers) and not isinstance(value, bool)
    return "" if fits else "a number" if isinstance(default, float) else "a whole number"


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    defaults = kind()
    known = [f.name for f in dataclasses.fields(kind)]
    made = {}
    for name, value in values.items():
        if name not in known:
            raise DataError(f"{where}: unknown setting '{name}'; known are {', '.join(known)}")
        default = getattr(defaults, name)
        if wanted := _wanted(value, default):
            raise DataError(f"{where}: '{name}' must be {wanted}, not {value!r}")
        if dataclasses.is_dataclass(default):
            made[name] = _build(type(default), value, f"{where}, [{name}]")
        else:
            made[name] = tuple(value) if isinstance(value, list) else value
    return kind(**made)


def _check(recipe: Recipe, where: str) -> None:
    if min(recipe.low_resolution) < 32 or any(side % 32 for side in recipe.low_resolution):
        raise DataError(f"{where}: 'low_resolution' must be multiples of 32")
    if min(recipe.mrn.crop) < 16 or any(side % 16 for side in recipe.mrn.crop):
        raise DataError(f"{where}, [mrn]: 'crop' must be multiples of 16")
    for name, chance in dataclasses.asdict(recipe.augment).items():
        if not 0 <= chance <= 1:
            raise DataError(f"{where}, [augment]: '{name}' must be from 0 to 1, not {chance}")
    for name in ("mpn", "qun", "mrn"):
        if getattr(recipe, name).batch < 1:
            raise DataError(f"{where}, [{name}]: 'batch' must be 1 or more")
        if not 0 <= getattr(recipe, name).keep < 1:
            raise DataError(f"{where}, [{name}]: 'keep' must be 0 or more and less than 1")


def ships(name: str) -> bool:
    """Whether a recipe of this name comes with the package."""
    return (RECIPES / f"{name}.toml").is_file()


def read_toml(name: str) -> tuple[dict[str, Any], Path]:
    """What a TOML file that ships says, or one by its path; and where it is. Raises DataError if there is none."""
    path = RECIPES / f"{name}.toml" if ships(name) else Path(name)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), path
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise DataError(f"--recipe {name}: no such recipe; give one of {known}, or the path of a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"--recipe {name}: not valid TOML: {error}") from error


def load_recipe(name: str) -> Recipe:
    """A recipe that ships (`first`) or a TOML file by its path. Raises DataError if there is none or it has a mistake."""
    values, _ = read_toml(name)
    recipe: Recipe = _build(Recipe, values, f"--recipe {name}")
    _check(recipe, f"--recipe {name}")
    return recipe
