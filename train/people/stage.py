"""A person's picture as the renderer takes it: meshes, hair, lights and the camera, in one dict that is saved as one file.

meshes   name, vertices (V, 3), faces (F, 4), uv (F, 4, 2), attributes, material
hairs    name, points (N, K, 3), radii (N, K), material
lights   position, target, size, watts, colour
camera   position, target, view_degrees, roll_degrees, size
world    colours from below and from above, strength
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from train.people.body import Body, build
from train.people.face_hair import beard_strands, brow_strands
from train.people.garments import Outfit, dress
from train.people.hair import Surface, grow
from train.people.person import Person
from train.people.scalp import beard, brows, on_canonical_head, roots, scalp, smooth
from train.people.shells import grid_faces
from train.people.skeleton import Floats, about, unit
from train.people.wearables import wear

Scene = dict[str, Any]
HEADS = {"close": (1.75, 2.1), "head and shoulders": (2.4, 3.2), "half body": (3.5, 4.6), "three quarters": (5.2, 6.6)}
"""How many heads high each framing's picture is."""


def stage(person: Person, samples: int = 16, alpha_samples: int = 128, threads: int = 2, shrink: float = 1.0) -> Scene:
    """The scene of a person. `shrink` makes the picture smaller, for a quick look."""
    body = build(person)
    dice = np.random.default_rng([person.seed, 2])
    outfit = dress(person, body, dice)
    meshes = [_skin(person, body, outfit), *_eyes(person, body), *outfit.scenes, *wear(person, body, dice)]
    hairs = _hairs(person, body, outfit, dice)
    return {
        "meshes": meshes,
        "hairs": hairs,
        "camera": _camera(person, body, dice, shrink),
        "lights": _lights(person, body),
        "world": {
            "colours": [[0.6 * c for c in person.light.world], list(person.light.world)],
            "strength": person.light.strength,
        },
        "look": person.light.look,
        "exposure": person.light.exposure,
        "seed": person.seed,
        "samples": samples,
        "alpha_samples": alpha_samples,
        "threads": threads,
    }


def save(scene: Scene, path: Path) -> None:
    """Writes a scene to a file that the renderer reads."""
    arrays: dict[str, Any] = {}

    def named(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            name = f"a{len(arrays)}"
            arrays[name] = value.astype(np.float32) if value.dtype.kind == "f" else value.astype(np.int32)
            return {"array": name}
        if isinstance(value, dict):
            return {k: named(v) for k, v in value.items()}
        return [named(v) for v in value] if isinstance(value, list | tuple) else value

    text = json.dumps(named(scene))
    np.savez(path, scene=np.array(text), **arrays)


def _skin(person: Person, body: Body, outfit: Outfit) -> Scene:
    kind = body.template
    keep = ~outfit.hidden
    for eye in kind.eyes:
        keep &= ~np.isin(kind.faces, eye).all(1)
    red, green, blue = person.skin
    return {
        "name": "body",
        "vertices": body.vertices,
        "faces": kind.faces[keep],
        "uv": kind.uv[keep],
        "subdivide": 1,
        "attributes": {
            "canonical": kind.canonical,
            "hairy": _shadow(person, body),
            "blush": _blush(kind.canonical),
        },
        "material": {
            "kind": "skin",
            "tone": list(person.skin),
            "lips": list(person.lips),
            "nails": [min(1.0, red * 1.15), green, blue],
            "freckles": person.freckles,
            "eye_shadow": 0.25 + 0.5 * person.make_up,
            "eye_shadow_colour": [red * 0.45, green * 0.3, blue * 0.33],
            "hair": _under_hair(person),
            "roughness": 0.42,
            "masks": str(kind.masks),
        },
    }


def _shadow(person: Person, body: Body) -> Floats:
    """How much of the hair's colour shows on the skin (V,) where hair grows: no scalp shines through it."""
    short = person.hair.style in ("crew", "bald", "short")
    shadow = scalp_density(person, body) * (0.45 if short else 0.97)
    shadow = np.maximum(shadow, 0.35 * brows(body.template))
    if person.beard != "none":
        shadow = np.maximum(shadow, (0.25 if person.beard == "stubble" else 0.5) * beard(body.template, person.beard))
    return shadow


def _under_hair(person: Person) -> list[float]:
    """The colour of hair as seen from afar, linear, mixed with the skin's."""
    hair = 0.45 * np.exp(-np.array([2.9, 3.6, 4.6]) * person.hair.melanin - np.array([0.1, 0.4, 0.9]) * person.hair.redness)
    return [float(c) for c in 0.9 * hair * person.hair.tint + 0.06 * np.array(person.skin)]


def _blush(canonical: Floats) -> Floats:
    """How red the skin is: the cheeks and the tip of the nose."""
    cheeks = [(0.042, -0.1, 0.612), (-0.042, -0.1, 0.612), (0, -0.15, 0.615)]
    return np.asarray(sum(np.exp(-(((canonical - spot) / 0.02) ** 2).sum(1)) for spot in cheeks))


def _hairs(person: Person, body: Body, outfit: Outfit, dice: np.random.Generator) -> list[Scene]:
    hair = person.hair
    own = roots(body, scalp_density(person, body), hair.strands, dice)
    strands = {
        "hair": grow(hair, body, own, Surface(body, outfit.cover), dice, person.wearables),
        "brows": brow_strands(person, body, dice),
    }
    if person.beard != "none":
        strands["beard"] = beard_strands(person, body, dice)
    darker = min(1.0, hair.melanin + 0.12 * (hair.tint == (1, 1, 1)))
    return [
        {
            "name": name,
            "points": grown.points,
            "radii": grown.radii,
            "material": {
                "kind": "hair",
                "melanin": hair.melanin if name == "hair" else darker,
                "redness": hair.redness,
                "tint": list(hair.tint if name == "hair" else (1, 1, 1)),
                "roughness": hair.roughness,
            },
        }
        for name, grown in strands.items()
        if len(grown.points)
    ]


def scalp_density(person: Person, body: Body) -> Floats:
    """How densely hair grows at each vertex (V,): of a bald man, around the back of the head only."""
    if person.hair.style != "bald":
        return scalp(body.template, 0.012 * (person.shape["gender"] < 0.5) * (person.shape["age"] > 0.78))
    local = on_canonical_head(body.template)
    return np.asarray(scalp(body.template) * (1 - smooth(local[:, 2] - 0.25 * (local[:, 1] - 0.07), 0.015, 0.04)))


def _eyes(person: Person, body: Body) -> list[Scene]:
    """Round eyes in the place of the model's own, which are of few corners."""
    longitude, latitude = np.meshgrid(np.linspace(0, 2 * np.pi, 33)[:-1], np.linspace(0.01, np.pi - 0.01, 24))
    ball = np.stack([np.sin(latitude) * np.cos(longitude), -np.cos(latitude), np.sin(latitude) * np.sin(longitude)], -1)
    away = np.hypot(ball[..., 0], ball[..., 2])
    bulge = np.where((ball[..., 1] < 0) & (away < 0.5), 1 + 0.05 * (1 - (away / 0.5) ** 2), 1.0)
    faces = grid_faces(*ball.shape[:2])
    look = about(np.array([0, 0, 1.0]), person.gaze[0]) @ about(np.array([1.0, 0, 0]), person.gaze[1])
    eyes = []
    for side, own in zip("LR", body.template.eyes, strict=True):
        vertices = body.vertices[own]
        middle = (vertices.max(0) + vertices.min(0)) / 2
        radius = np.median(np.linalg.norm(vertices - middle, axis=1))
        turned = body.head @ look
        points = middle + radius * (ball * bulge[..., None]).reshape(-1, 3) @ turned.T
        eyes.append(
            {
                "name": f"eye.{side}",
                "vertices": points,
                "faces": faces,
                "attributes": {"gaze": ball.reshape(-1, 3)},
                "material": {"kind": "eye", "iris": list(person.iris)},
            }
        )
    return eyes


def _camera(person: Person, body: Body, dice: np.random.Generator, shrink: float) -> Scene:
    camera = person.camera
    top = body.on_head(np.array([[0.0, -0.03, 0.775]]))[0]
    chin = body.on_head(np.array([[0.0, -0.1, 0.545]]))[0]
    eyes = (body.bones["eye.L"][:3, 3] + body.bones["eye.R"][:3, 3]) / 2
    chest = body.bones["spine01"][:3, 3]
    head = abs(top[2] - chin[2])
    visible = head * dice.uniform(*HEADS[camera.framing])
    margin = head * dice.uniform(0.12, 0.4)
    if person.gesture in ("arms up", "behind head", "waving", "both hands") and camera.framing != "close":
        margin += head * 0.5
    target = np.array([0.6 * eyes[0] + 0.4 * chest[0], 0.5 * (eyes[1] + chest[1]), top[2] + margin - visible / 2])
    target[0] += camera.offset[0] * visible
    away = visible / 2 / np.tan(np.radians(camera.view_degrees) / 2)
    azimuth = np.radians(camera.azimuth)
    level = target + away * np.array([np.sin(azimuth), -np.cos(azimuth), 0])
    lens = level + np.array([0, 0, eyes[2] + camera.height * away - target[2]]) * 0.6
    for _ in range(3):
        ahead = unit(target - lens)
        up = unit(np.array([0, 0, 1.0]) - ahead[2] * ahead)
        depth = (top - lens) @ ahead
        wrong = ((top - lens) @ up / depth - np.tan(np.radians(camera.view_degrees) / 2) * (1 - 2 * margin / visible)) * depth
        target, lens = target + wrong * up, lens + wrong * up
    return {
        "position": lens.tolist(),
        "target": target.tolist(),
        "view_degrees": camera.view_degrees,
        "roll_degrees": camera.roll,
        "size": [round(side * shrink) for side in camera.size],
    }


def _lights(person: Person, body: Body) -> list[Scene]:
    light = person.light
    target = body.on_head(np.array([[0.0, -0.03, 0.62]]))[0]

    def area(azimuth: float, elevation: float, away: float, size: float, watts: float, colour: Any) -> Scene:
        a, e = np.radians(azimuth + person.camera.azimuth), np.radians(elevation)
        position = target + away * unit(np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)]))
        return {
            "position": position.tolist(),
            "target": target.tolist(),
            "size": [size, size * 1.3],
            "watts": 0.5 * watts * away**2,
            "colour": list(colour),
        }

    size, away, watts = {"ring": (0.4, 1.0, 22), "screen": (0.5, 0.8, 14), "sun": (0.3, 3.0, 40), "window": (1.6, 2.0, 26)}.get(
        light.kind, (1.0, 2.2, 24)
    )
    lights = [area(*light.key, away, size, watts, light.key_colour)]
    if light.fill > 0.02:
        lights.append(area(-light.key[0], 10, 2.4, 1.5, 24 * light.fill, light.fill_colour))
    if light.rim:
        for side in (-1, 1):
            lights.append(area(180 + side * 35, 35, 1.8, 0.5, 26 * light.rim, (1, 1, 1)))
    return lights
