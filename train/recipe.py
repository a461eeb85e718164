"""Recipes: all settings of a training run in one readable TOML file, which is stored in each checkpoint of the run."""

import dataclasses
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short_repr  # of a value that may be long, or nested deeply
from typing import Any

from engines.errors import DataError
from engines.geometry import LOW_RESOLUTION

RECIPES = Path(__file__).parent / "recipes"
TASK_NAMES = ("mpn", "qun", "mrn")  # in the order in which they are trained
BASELINES = ("deeplab", "dim", "refinement", "dim_joint", "tnet", "mnet", "shm")  # tasks of `train.baselines`, in order
ALL_TASKS = (*TASK_NAMES, *BASELINES)


@dataclass(frozen=True)
class TaskSettings:
    """Settings of one network's training. The loss weights have the paper's names and values (equations 2, 5 and 6)."""

    steps: int = 1000
    batch: int = 16
    learning_rate: float = 1e-3
    encoder_learning_rate: float = 1e-3  # of the layers with ImageNet weights
    frozen_encoder_stages: int = 0  # MPN, DeepLab, T-Net: how many of these, and the stem, keep their ImageNet weights
    frozen_statistics: bool = False  # batch normalisation keeps the means and variances it began with: small batches differ
    warm_up: int = 200  # steps
    weight_decay: float = 1e-2
    average: float = 0.998  # decay of the exponential moving average of the weights, which is what is used
    keep: float = 0.0  # share of the initial weights in the final ones: the mean of two nearby solutions generalises better
    lambda_l: float = 0.5  # MPN, equation 2
    lambda_1: float = 0.25  # QUN, equation 5: identity
    lambda_2: float = 0.5  # QUN, equation 5: consistency
    lambda_h: float = 0.5  # MRN, equation 6
    cross_entropy: float = 0.0  # MPN and MRN: weight of this term beside equations 2 and 6
    laplacian: float = 0.0  # MRN: weight of the Laplacian pyramid's difference beside equation 6
    crop: tuple[int, int] = (384, 320)  # MRN, DIM, SHM: height and width in pixels, of which MRN gives all but a margin
    exact: float = 0.0  # MRN: share of masks that are the truth at low resolution instead of MPN's and QUN's
    degrade: float = 0.5  # MRN: share of masks that are perturbed
    part: float = 1.0  # MRN: share of a frame's height and width, around the crop, that it is trained on; it is tested on all
    unified: bool = True  # MRN: whether its masks pass QUN; if not, it is the row without QUN of the paper's Table 2


@dataclass(frozen=True)
class Augment:
    """Probability of each augmentation, from 0 (off) to 1."""

    flip: float = 0.5  # the whole frame, a person or a background mirrored
    turn: float = 0.3  # parts of photos, by a few degrees
    tint: float = 1.0  # light and colour of each person and background by itself
    light: float = 0.7  # exposure, gamma, contrast, white balance and saturation of the whole frame
    blur: float = 0.175  # defocus or motion. Three pictures in ten have none of these three, so at most 0.7 have one
    defocus: float = 0.0  # strong: a Gaussian of 2 to 8 pixels, before the blur; at most 0.7, too
    noise: float = 0.28
    compression: float = 0.28  # JPEG


@dataclass(frozen=True)
class Recipe:
    """The settings of the three tasks, of those of the baselines, and of the data they draw."""

    seed: int = 1
    low_resolution: tuple[int, int] = LOW_RESOLUTION  # height, width of a portrait frame's masks; landscape swaps them
    mpn_resolution: tuple[int, int] = (0, 0)  # of a frame as MPN sees it; (0, 0): the low resolution
    second_resolution: tuple[int, int] = (0, 0)  # as MPN sees half of its batches, so that it serves two sizes; (0, 0): none
    validation: float = 0.03  # share of the subjects that are held out
    validation_backgrounds: float = 0.1  # share of the backgrounds that are held out
    empty: float = 0.05  # share of frames with nobody in them
    props: float = 0.0  # share of composed frames with furniture behind people, and before them
    held: float = 0.0  # share of composed frames in which somebody holds a thing or two, and of empty ones with such things
    worn: float = 0.0  # share of composed frames in which the first person has other clothes on
    close: float = 0.0  # share of composed frames of one person that are close-ups
    whole: float = 0.5  # share of photos that MPN sees whole, rather than in part
    composed: dict[str, float] = field(default_factory=dict)  # share of a set's photos that are put on another background
    sets: dict[str, float] = field(default_factory=dict)  # sampling weight of each set for MPN; 1 by default, 0 leaves it out
    fine_sets: dict[str, float] = field(default_factory=dict)  # the same for QUN and MRN, which are trained on fine data only
    augment: Augment = field(default_factory=Augment)
    mpn: TaskSettings = field(default_factory=TaskSettings)
    qun: TaskSettings = field(default_factory=TaskSettings)
    mrn: TaskSettings = field(default_factory=TaskSettings)
    deeplab: TaskSettings = field(default_factory=TaskSettings)
    dim: TaskSettings = field(default_factory=TaskSettings)
    refinement: TaskSettings = field(default_factory=TaskSettings)  # the second stage of DIM
    dim_joint: TaskSettings = field(default_factory=TaskSettings)  # both stages of DIM, together
    tnet: TaskSettings = field(default_factory=TaskSettings)  # SHM: T-Net alone
    mnet: TaskSettings = field(default_factory=TaskSettings)  # SHM: M-Net alone
    shm: TaskSettings = field(default_factory=TaskSettings)  # SHM: both, end to end

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width of a portrait frame as MPN sees it."""
        return self.mpn_resolution if min(self.mpn_resolution) else self.low_resolution

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as a checkpoint stores it."""
        return dataclasses.asdict(self)


def with_defaults(stored: dict[str, Any]) -> dict[str, Any]:
    """A recipe as a checkpoint stores it, and the settings that were added since: they had their default then."""
    defaults = Recipe().as_dict()
    known = {name: value for name, value in defaults.items() if isinstance(value, dict)}
    return defaults | {name: known[name] | value if name in known else value for name, value in stored.items()}


SHARE = (0, 1)
BELOW_ONE = (0, math.nextafter(1, 0))
WEIGHT = (0, 1e6)
LIMITS: dict[str, tuple[float, float]] = {
    **{each.name: SHARE for each in dataclasses.fields(Augment)},
    **dict.fromkeys(("empty", "props", "held", "worn", "close", "whole", "composed", "exact", "degrade", "part"), SHARE),
    **dict.fromkeys(("validation", "validation_backgrounds", "average", "keep"), BELOW_ONE),
    **dict.fromkeys(("sets", "fine_sets", "weight_decay", "cross_entropy", "laplacian"), WEIGHT),
    **dict.fromkeys(("lambda_l", "lambda_h"), SHARE),
    **dict.fromkeys(("lambda_1", "lambda_2"), WEIGHT),
    **dict.fromkeys(("learning_rate", "encoder_learning_rate"), (0, 100)),
    "seed": (0, 2**63 - 1),
    "steps": (0, 10**9),
    "warm_up": (0, 10**9),
    "batch": (1, 4096),
    "frozen_encoder_stages": (0, 7),
    "low_resolution": (32, 4096),
    "mpn_resolution": (0, 4096),
    "second_resolution": (0, 4096),
    "crop": (16, 4096),
    "frozen_statistics": (False, True),
    "unified": (False, True),
}
MULTIPLES = {"low_resolution": 32, "mpn_resolution": 32, "second_resolution": 32, "crop": 16}


def _type_error(value: Any, default: Any) -> str:
    """What a setting must be if it does not have its default's type; empty if it has."""
    numbers = (int, float) if isinstance(default, float) else int
    if dataclasses.is_dataclass(default):
        return "" if isinstance(value, dict) else "a table"
    if isinstance(default, dict):
        fits = isinstance(value, dict) and not any(_type_error(v, 0.0) for v in value.values())
        return "" if fits else "a table of numbers"
    if isinstance(default, tuple):
        fits = isinstance(value, list) and len(value) == len(default) and not any(map(_type_error, value, default))
        return "" if fits else f"a list of {len(default)} whole numbers"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    fits = isinstance(value, numbers) and not isinstance(value, bool)
    return "" if fits else "a number" if isinstance(default, float) else "a whole number"


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """The numbers of a setting, each under the name by which a message calls it."""
    if isinstance(value, dict):
        yield from ((f"{name}.{key}", number) for key, number in value.items())
    elif isinstance(value, list):
        yield from ((name, number) for number in value)
    else:
        yield name, value


def _range_error(name: str, value: Any) -> str:
    """What is wrong with the numbers of a setting; empty if nothing is."""
    low, high = LIMITS[name]
    for label, number in _numbers(name, value):
        if not low <= number <= high:  # NaN is not, either
            limit = "to less than 1" if (low, high) == BELOW_ONE else f"to {high:g}"
            return f"'{label}' must be from {low:g} {limit}, not {number}"
        if number % MULTIPLES.get(name, 1) and name in MULTIPLES:
            return f"'{label}' must be multiples of {MULTIPLES[name]}"
    return ""


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    defaults = kind()
    known = [f.name for f in dataclasses.fields(kind)]
    made = {}
    for name, value in values.items():
        if name not in known:
            raise DataError(f"{where}: unknown setting '{name}'; known are {', '.join(known)}")
        default = getattr(defaults, name)
        if wanted := _type_error(value, default):
            raise DataError(f"{where}: '{name}' must be {wanted}, not {short_repr(value)}")
        if dataclasses.is_dataclass(default):
            made[name] = _build(type(default), value, f"{where}, [{name}]")
        elif error := _range_error(name, value):
            raise DataError(f"{where}: {error}")
        else:
            made[name] = tuple(value) if isinstance(value, list) else value
    return kind(**made)


def is_builtin(name: str) -> bool:
    """Whether a recipe of this name comes with the package."""
    return (RECIPES / f"{name}.toml").is_file()


def read_toml(name: str) -> tuple[dict[str, Any], Path]:
    """The values of a built-in TOML file, or of one by its path, and its path. Raises DataError if it cannot be read."""
    path = RECIPES / f"{name}.toml" if is_builtin(name) else Path(name)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(f"{name}: is a device or a pipe; name a TOML file")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: undecodable text, or a null character in the path
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise DataError(f"{name}: no such recipe; give one of {known}, or the path of a TOML file") from error
    try:
        return tomllib.loads(text), path
    except ValueError as error:
        raise DataError(f"{name}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise DataError(f"{name}: not a recipe: its values are nested too deeply") from error


def load_recipe(name: str) -> Recipe:
    """A built-in recipe by its name or a TOML file by its path. Raises DataError if there is none or it has a mistake."""
    values, _ = read_toml(name)
    recipe: Recipe = _build(Recipe, values, name)
    return recipe
