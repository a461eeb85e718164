"""Everything that a training run depends on, in one readable TOML file, stored into each checkpoint it makes."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import InputError

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
    lambda_l: float = 0.5  # MPN, equation 2
    lambda_1: float = 0.25  # QUN, equation 5: identity
    lambda_2: float = 0.5  # QUN, equation 5: consistency
    lambda_h: float = 0.5  # MRN, equation 6
    crop: tuple[int, int] = (384, 320)  # MRN: height and width in pixels
    degrade: float = 0.5  # MRN: share of unified masks that are made worse than they came


@dataclass(frozen=True)
class Recipe:
    """The three stages and what they draw from."""

    seed: int = 1
    low_resolution: tuple[int, int] = (192, 160)  # height, width of a portrait frame at MPN and QUN; landscape swaps them
    validation: float = 0.03  # share of the subjects that are kept out to watch the training
    empty: float = 0.05  # share of frames with nobody in them
    whole: float = 0.5  # share of photos that MPN sees whole, rather than in part
    composed: dict[str, float] = field(default_factory=dict)  # share of a set's photos that are put on another background
    sets: dict[str, float] = field(default_factory=dict)  # how often a set is drawn; 1 where it is not named, 0 leaves it out
    fine_sets: dict[str, float] = field(default_factory=dict)  # the same for QUN and MRN, which see fine data only
    mpn: Stage = field(default_factory=Stage)
    qun: Stage = field(default_factory=Stage)
    mrn: Stage = field(default_factory=Stage)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as a checkpoint keeps it."""
        return dataclasses.asdict(self)


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for name in values:
        if name not in fields:
            raise InputError(f"{where}: unknown setting '{name}'; known are {', '.join(fields)}")
    made = {
        name: _build(Stage, value, f"{where}, [{name}]") if fields[name].type in (Stage, "Stage") else tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
    }
    return kind(**made)


def load_recipe(name: str) -> Recipe:
    """A recipe that ships (`first`) or a TOML file by its path. Raises InputError if there is none or it has a mistake."""
    shipped = RECIPES / f"{name}.toml"
    path = shipped if shipped.is_file() else Path(name)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise InputError(f"--recipe {name}: no such recipe; give one of {known}, or the path of a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"--recipe {name}: not valid TOML: {error}") from error
    recipe: Recipe = _build(Recipe, values, f"--recipe {name}")
    return recipe
