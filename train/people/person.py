"""A person and the picture of it, in numbers: drawn from a seed, kept as JSON."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from engines import InputError

Colour = tuple[float, float, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Hair:
    """A head of hair. Lengths are metres on a mean head."""

    style: str
    length: float
    curl: float
    turns: float
    lift: float
    part: float  # aside from the middle
    frizz: float
    radius: float  # of a strand
    strands: int
    melanin: float
    redness: float
    tint: Colour
    roughness: float
    before: float  # the share of the hair that falls before the shoulders: 0 to 1
    wind: tuple[float, float]  # aside and backwards, of gravity


@dataclass(frozen=True)
class Garment:
    """What is worn on the trunk, and what may lie over it."""

    kind: str
    pattern: str
    colours: tuple[Colour, Colour, Colour]
    scale: float
    share: float
    heather: float
    roughness: float
    loose: float  # metres off the skin
    neck: float  # how deep, metres


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from."""

    framing: str
    view_degrees: float
    azimuth: float  # degrees to the side
    height: float  # metres over the eyes
    roll: float
    offset: tuple[float, float]  # of the person in the frame, parts of its height
    size: tuple[int, int]  # width and height, pixels


@dataclass(frozen=True)
class Light:
    """How it is lit."""

    kind: str
    key: tuple[float, float]  # azimuth and elevation, degrees
    key_colour: Colour
    fill: float
    fill_colour: Colour
    rim: float
    world: Colour
    strength: float
    exposure: float
    look: str


@dataclass(frozen=True)
class Person:
    """All that a picture is made from; the same numbers give the same picture."""

    seed: int
    shape: dict[str, float]
    features: dict[str, float]
    expression: dict[str, float]
    gesture: str
    mirrored: bool
    head: tuple[float, float, float]  # yaw, pitch, roll, radians
    torso: tuple[float, float, float]  # lean, side, twist
    gaze: tuple[float, float]
    skin: Colour
    lips: Colour
    freckles: float
    make_up: float
    iris: Colour
    hair: Hair
    brows: float  # how thick: 0.6 to 1.4
    beard: str
    garment: Garment
    wearables: tuple[str, ...]
    wearable_colour: Colour
    camera: Camera
    light: Light

    def to_json(self) -> str:
        """As JSON, which `from_json` reads."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises InputError where the text is no person."""
        try:
            return _built(cls, json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"these are no parameters of a person: {error}") from error


def _built(kind: type[T], values: Mapping[str, Any]) -> T:
    inner = {"hair": Hair, "garment": Garment, "camera": Camera, "light": Light}
    taken = {name: _built(inner[name], value) if name in inner else _tuples(value) for name, value in values.items()}
    return kind(**taken)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
