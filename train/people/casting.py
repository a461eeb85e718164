"""Who is drawn: a person from a seed, so that every style, gesture and light comes up in its share."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from train.people.gestures import GESTURES
from train.people.hairstyles import COLOURS, STYLES
from train.people.person import Camera, Colour, Garment, Hair, Light, Person
from train.people.wardrobe import BEARDS, EXPRESSIONS, FEATURES, FRAMINGS, GARMENTS, IRISES, LIGHTS, PATTERNS, SKINS

Dice = np.random.Generator
T = TypeVar("T")
CALM = ("hanging", "desk")
AT_THE_HEAD = ("hand at chin", "hand at cheek", "phone", "behind head", "waving")


def cast(seed: int) -> Person:
    """The person of a seed."""
    dice = np.random.default_rng([seed, 20])
    style = _weighted(dice, {name: style.weight for name, style in STYLES.items()})
    woman = bool(dice.random() < STYLES[style].women)
    skin_name = _weighted(dice, {"pale": 2, "fair": 3, "olive": 2, "east": 2.5, "south": 1.5, "brown": 1.5, "dark": 1.2})
    if style == "afro":
        skin_name = _weighted(dice, {"brown": 2, "dark": 2, "olive": 0.5})
    tone, descent, hair_colours = SKINS[skin_name]
    age = float(_pick(dice, (dice.uniform(0.36, 0.55), *[dice.uniform(0.6, 0.78)] * 6, *[dice.uniform(0.78, 0.97)] * 2)))
    if style in ("short", "bob", "shoulder", "bun") and dice.random() < 0.12:
        age = float(dice.uniform(0.88, 1.0))
    shape = {
        "gender": float(dice.uniform(0.88, 1) if woman else dice.uniform(0, 0.12)),
        "age": age,
        "muscle": float(dice.uniform(0.3, 0.75)),
        "weight": float(np.clip(dice.normal(0.48, 0.16), 0.1, 0.95)),
        "height": float(dice.uniform(0.3, 0.7)),
        "proportions": float(dice.uniform(0.5, 0.95)),
        "cupsize": float(dice.uniform(0.25, 0.7)),
        "firmness": float(dice.uniform(0.4, 0.8)),
        **{name: float(descent.get(name, 0.0)) for name in ("african", "asian", "caucasian")},
    }
    gesture = _pick(dice, list(GESTURES)) if dice.random() < 0.55 else _pick(dice, CALM)
    framing = _weighted(dice, FRAMINGS)
    if framing in ("close", "head and shoulders") and gesture not in (*CALM, *AT_THE_HEAD):
        framing = "half body"
    tone = _shifted(dice, tone, 0.1)
    mood = EXPRESSIONS[_weighted(dice, {name: 4.0 if name in ("neutral", "smile") else 1.0 for name in EXPRESSIONS})]
    hair = _hair(dice, style, hair_colours, age)
    return Person(
        seed=seed,
        shape=shape,
        features={name: float(np.clip(dice.normal(0, most / 2), -most, most)) for name, most in FEATURES.items()},
        expression={name: float(value * dice.uniform(0.7, 1)) for name, value in mood.items()},
        gesture=gesture,
        mirrored=bool(dice.random() < 0.5),
        head=(float(dice.normal(0, 0.28)), float(np.clip(dice.normal(0.02, 0.12), -0.3, 0.3)), float(dice.normal(0, 0.09))),
        torso=(float(dice.normal(0.05, 0.07)), float(dice.normal(0, 0.05)), float(dice.normal(0, 0.18))),
        gaze=(float(dice.normal(0, 0.12)), float(dice.normal(0, 0.07))),
        skin=tone,
        lips=_lips(dice, tone, woman),
        freckles=float(dice.uniform(0, 0.6) if skin_name in ("pale", "fair") and dice.random() < 0.4 else 0),
        make_up=float(dice.uniform(0.1, 0.6) if woman and dice.random() < 0.6 else 0),
        iris=IRISES[_pick(dice, list(IRISES) if skin_name in ("pale", "fair") else ["brown", "brown", "hazel"])],
        hair=hair,
        brows=float(dice.uniform(0.6, 1.0) if woman else dice.uniform(0.8, 1.4)),
        beard="none" if woman or age < 0.6 else _weighted(dice, BEARDS),
        garment=_garment(dice, woman),
        wearables=_wearables(dice, style, woman),
        wearable_colour=_colour(dice, dull=0.75),
        camera=_camera(dice, framing, gesture),
        light=_light(dice),
    )


def _hair(dice: Dice, name: str, colours: Sequence[str], age: float) -> Hair:
    style = STYLES[name]
    colour = _pick(dice, colours)
    if age > 0.86 and dice.random() < 0.75:
        colour = _pick(dice, ("grey", "white", "grey"))
    elif dice.random() < 0.05:
        colour = _pick(dice, ("dyed", "red", "platinum", "auburn"))
    melanin, redness, tint = COLOURS[colour]
    if colour == "dyed":
        tint = _colour(dice, dull=0.0)
    fuzzy = style.curl[1] > 0.004
    return Hair(
        style=name,
        length=float(dice.uniform(*style.length)),
        curl=float(dice.uniform(*style.curl)),
        turns=float(dice.uniform(*style.turns)),
        lift=float(dice.uniform(*style.lift)),
        part=float(_pick(dice, (0.0, 1.0, -1.0)) * dice.uniform(0.01, 0.035)),
        frizz=float(dice.uniform(0.4, 1.6) if fuzzy else dice.choice([dice.uniform(0.05, 0.3), dice.uniform(0.2, 1.0)])),
        radius=float(dice.uniform(0.00011, 0.0002)),
        strands=style.strands,
        melanin=float(np.clip(melanin * dice.uniform(0.85, 1.1), 0, 1)),
        redness=float(np.clip(redness * dice.uniform(0.8, 1.15), 0, 1)),
        tint=tint,
        roughness=float(dice.uniform(0.2, 0.4)),
        before=float(dice.choice([0.15, 0.5, 0.9])),
        wind=(float(dice.normal(0, 0.3)), float(dice.uniform(-0.1, 0.4))) if dice.random() < 0.12 else (0.0, 0.0),
    )


def _garment(dice: Dice, woman: bool) -> Garment:
    kind = _pick(dice, GARMENTS)
    pattern = _pick(dice, PATTERNS)
    if kind in ("jacket", "hoodie"):
        pattern = _pick(dice, ("plain", "plain", "pinstripes" if kind == "jacket" else "logo"))
    first = _colour(dice, dull=0.5)
    return Garment(
        kind=kind,
        pattern=pattern,
        colours=(first, _colour(dice, dull=0.4), _shifted(dice, tuple(c * 0.6 for c in first), 0.3)),
        scale=float(dice.uniform(18, 60)),
        share=float(dice.uniform(0.2, 0.6)),
        heather=float(_pick(dice, (0.0, 0.0, dice.uniform(0.2, 0.7)))),
        roughness=float(dice.uniform(0.6, 0.95)),
        loose=float(dice.uniform(0.006, 0.014) * (1.6 if kind in ("hoodie", "jacket") else 1)),
        neck=float(dice.uniform(0.0, 0.035) + (0.03 if woman and kind == "v-neck" else 0)),
    )


def _wearables(dice: Dice, style: str, woman: bool) -> tuple[str, ...]:
    worn = []
    if dice.random() < 0.33:
        worn.append("sunglasses" if dice.random() < 0.15 else "glasses")
    flat = STYLES[style].lift[1] < 0.03 and STYLES[style].tied not in ("bun", "pigtails") and STYLES[style].stand < 0.5
    draw = dice.random()
    if draw < 0.16:
        worn.append(_pick(dice, ("headphones", "headphones", "headset")))
    elif draw < 0.32 and flat:
        worn.append(_pick(dice, ("cap", "beanie", "hat")))
    elif draw < 0.38 and woman and flat:
        worn.append("headband")
    if woman and dice.random() < 0.3:
        worn.append("earrings")
    return tuple(worn)


def _camera(dice: Dice, framing: str, gesture: str) -> Camera:
    wide = (
        framing == "half body" and gesture in ("both hands", "arms up", "behind head", "hips", "waving") and dice.random() < 0.7
    )
    size = (832, 704) if wide else (640, 768) if dice.random() < 0.7 else (704, 704)
    return Camera(
        framing=framing,
        view_degrees=float(dice.uniform(28, 55)),
        azimuth=float(np.clip(dice.normal(0, 16), -40, 40)),
        height=float(np.clip(dice.normal(-0.02, 0.12), -0.35, 0.3)),
        roll=float(dice.normal(0, 2)),
        offset=(float(dice.normal(0, 0.04)), float(dice.uniform(-0.02, 0.05))),
        size=size,
    )


def _light(dice: Dice) -> Light:
    kind = _weighted(dice, LIGHTS)
    warm, cool, white = (1.0, 0.72, 0.45), (0.6, 0.78, 1.0), (1.0, 0.97, 0.93)
    side = float(dice.choice([-1, 1]))
    key, colour, fill, fill_colour, rim, strength = (
        (side * dice.uniform(20, 60), dice.uniform(15, 50)),
        white,
        0.4,
        white,
        0.0,
        0.6,
    )
    if kind == "window":
        key, colour, fill, fill_colour = (
            (side * dice.uniform(55, 100), dice.uniform(5, 30)),
            cool,
            dice.uniform(0.05, 0.4),
            warm,
        )
    elif kind == "warm lamp":
        key, colour, fill, strength = (side * dice.uniform(30, 80), dice.uniform(30, 60)), warm, 0.15, 0.3
    elif kind == "ring":
        key, fill, strength = (0.0, dice.uniform(0, 12)), 0.2, 0.4
    elif kind == "rim":
        rim = dice.uniform(1.0, 3.0)
    elif kind == "overcast":
        key, colour, fill, strength = (side * 30, 70), cool, 0.6, 1.4
    elif kind == "screen":
        key, colour, fill, strength = (side * 10, -15), cool, 0.1, 0.35
    elif kind == "two colours":
        colour, fill_colour, fill = _colour(dice, dull=0.2), _colour(dice, dull=0.2), 0.8
    elif kind == "sun":
        key, colour, fill, strength = (side * dice.uniform(20, 110), dice.uniform(35, 65)), (1, 0.93, 0.8), 0.3, 0.8
    return Light(
        kind=kind,
        key=(float(key[0]), float(key[1])),
        key_colour=_bright(colour),
        fill=float(fill),
        fill_colour=_bright(fill_colour),
        rim=float(rim),
        world=_bright(_shifted(dice, (0.95, 0.95, 0.95), 0.12)),
        strength=float(strength * dice.uniform(0.7, 1.3)),
        exposure=float(np.clip(dice.normal(0, 0.3), -0.7, 0.6)),
        look=_pick(dice, ("Standard", "Standard", "AgX")),
    )


def _lips(dice: Dice, tone: Colour, woman: bool) -> Colour:
    if woman and dice.random() < 0.35:
        return _pick(dice, ((0.5, 0.02, 0.04), (0.35, 0.03, 0.06), (0.55, 0.12, 0.15), (0.25, 0.02, 0.05)))
    red, green, blue = tone
    return red * 0.82, green * 0.55, blue * 0.58


def _colour(dice: Dice, dull: float) -> Colour:
    """A colour, linear; `dull` is the share that is black, grey, white or hardly coloured."""
    value = float(dice.uniform(0.12, 0.95))
    saturation = float(dice.uniform(0, 0.25) if dice.random() < dull else dice.uniform(0.4, 0.95))
    red, green, blue = colorsys.hsv_to_rgb(float(dice.random()), saturation, value)
    return red**2.2, green**2.2, blue**2.2


def _shifted(dice: Dice, colour: Sequence[float], by: float) -> Colour:
    red, green, blue = (
        float(c * f)
        for c, f in zip(colour, dice.uniform(1 - by, 1 + by) * dice.uniform(1 - by / 4, 1 + by / 4, 3), strict=True)
    )
    return red, green, blue


def _bright(colour: Sequence[float]) -> Colour:
    most = max(colour)
    red, green, blue = (float(c / most) for c in colour)
    return red, green, blue


def _pick(dice: Dice, choices: Sequence[T]) -> T:
    return choices[int(dice.integers(len(choices)))]


def _weighted(dice: Dice, weights: Mapping[str, float]) -> str:
    names = list(weights)
    shares = np.array([weights[name] for name in names], float)
    return names[int(dice.choice(len(names), p=shares / shares.sum()))]
