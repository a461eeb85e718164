"""Clothes: surfaces over the posed body, cut where the garment ends."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.people.body import Body
from train.people.person import Garment, Person
from train.people.scalp import smooth
from train.people.shells import Mesh, cut, smoothed, tube, with_rim
from train.people.skeleton import Floats

ARM = np.array([[0.165, -0.013, 0.427], [0.334, -0.019, 0.239], [0.45, -0.174, 0.121]])  # canonical: shoulder, elbow, wrist
SLEEVES = {"t-shirt": 0.55, "v-neck": 0.5, "tank top": -1.0, "shirt": 1.9}  # where they end: 1 the elbow, 2 the wrist


@dataclass(frozen=True)
class Outfit:
    """What is worn: meshes as the renderer takes them, how thick it lies (V,), and the faces (F,) of the body that it hides."""

    scenes: list[dict[str, Any]]
    cover: Floats
    hidden: NDArray[np.bool_]


def along_arm(canonical: Floats) -> Floats:
    """How far down the arm places (N, 3) are: 0 the shoulder, 1 the elbow, 2 the wrist; below 0 where there is no arm."""
    mirrored = canonical * [1, 1, 1]
    mirrored[:, 0] = np.abs(mirrored[:, 0])
    best, place = np.full(len(canonical), np.inf), np.full(len(canonical), -1.0)
    for index in range(2):
        start, way = ARM[index], ARM[index + 1] - ARM[index]
        share = (mirrored - start) @ way / (way @ way)
        inside = np.clip(share, 0 if index == 0 else -0.2, 1 if index == 0 else 4)
        far = np.linalg.norm(mirrored - start - inside[:, None] * way, axis=1)
        nearer = far < best
        best[nearer], place[nearer] = far[nearer], (index + share)[nearer]
    beyond = np.where(mirrored[:, 0] > 0.3, 3.0, -1.0)  # fingers
    return np.asarray(np.where((best < 0.1) & (mirrored[:, 0] > 0.15), place, beyond))


def coverage(garment: Garment, canonical: Floats) -> Floats:
    """How far inside a garment each vertex (V,) is, in metres; below 0 outside."""
    x, y, z = canonical.T
    aside = np.abs(x)
    front = 1 - smooth(y, -0.03, 0.03)
    neck = 0.474 + 0.45 * (y - 0.005) - garment.neck * (0.3 + 0.7 * front)
    if garment.kind == "turtleneck":
        neck = neck + 0.05 + garment.neck
    if garment.kind in ("v-neck", "jacket"):
        depth = 0.09 if garment.kind == "v-neck" else 0.2
        neck = neck - depth * front * np.clip(1 - aside / (0.055 + 0.2 * depth), 0, 1)
    shoulder = np.minimum(aside - 0.08 - 0.3 * garment.neck, 0.52 - z)
    top = 0.5 * (neck - z + shoulder + np.hypot(neck - z - shoulder, 0.05)) - 0.006  # the greater, with round corners
    if garment.kind == "turtleneck":
        top = np.maximum(np.minimum(neck - z, 0.075 - aside), np.where(aside > 0.07, 0.5 - z, -1))
    arm = along_arm(canonical)
    end = SLEEVES.get(garment.kind, 1.94)
    sleeve = np.where(arm > -0.5, (end - arm) * 0.22, 1.0)
    if garment.kind == "tank top":
        sleeve = np.where(
            z > 0.25, np.interp(z, (0.25, 0.36, 0.5), (0.16, 0.125, 0.12)) - aside, np.where(arm > -0.5, -1.0, 1.0)
        )
    return np.asarray(np.minimum(np.minimum(top, sleeve), z + 0.09))


def trousers(canonical: Floats) -> Floats:
    """The same for trousers."""
    x, _, z = canonical.T
    return np.asarray(np.minimum(np.minimum(0.02 - z, z + 0.82), 0.3 - np.abs(x)))


def dress(person: Person, body: Body, dice: np.random.Generator) -> Outfit:
    """The clothes of a person."""
    garment, kind = person.garment, body.template
    canonical = kind.canonical
    layers = [("trousers", trousers(canonical), 0.006, {**_cloth(garment), "pattern": "plain", "colours": _legs(dice)}, "hem")]
    if garment.kind == "jacket":
        under = Garment("t-shirt", "plain", (garment.colours[1],) * 3, 30, 0.5, 0, 0.8, 0.006, 0.01)
        layers.append(("shirt", coverage(under, canonical), 0.005, _cloth(under), "hem"))
    edge = "collar" if garment.kind in ("shirt", "jacket") else "hem"
    layers.append((garment.kind, coverage(garment, canonical), garment.loose, _cloth(garment), edge))
    scenes, cover = [], np.zeros(len(canonical))
    hidden = np.zeros(len(kind.faces), bool)
    for index, (name, field, loose, material, finish) in enumerate(layers):
        for _, over, *_ in layers[index + 1 :]:
            field = np.minimum(field, 0.03 - over)  # what lies well under another layer would only come through it
        field = np.where(kind.skin, field, -1.0)
        scenes.append(_laid(body, field, loose, finish, dice).scene(name, material, 1))
        cover = np.maximum(cover, np.where(field > 0, loose + 0.004, 0))
        hidden |= (field[kind.faces] > 0.03).all(1)
    if garment.kind == "hoodie":
        scenes.append(_hood(body, dice).scene("hood", _cloth(garment), 1))
    return Outfit(scenes, cover, hidden)


def _laid(body: Body, field: Floats, loose: float, finish: str, dice: np.random.Generator) -> Mesh:
    shape = cut(body.template.faces, field)
    canonical, inner = shape.at(body.template.canonical), shape.at(np.maximum(field, 0))
    normals, skin = shape.at(body.normals), shape.at(body.vertices)
    folds = sum(
        np.sin(canonical @ dice.normal(0, wave, 3) + dice.uniform(0, 6.3)) * dice.uniform(0.3, 1) for wave in (30, 45, 60, 80)
    )
    border = 0.003 * np.exp(-inner / 0.008)
    vertices = skin + normals * (loose + 0.12 * loose * np.asarray(folds) * np.clip(inner / 0.03, 0, 1) + border)[:, None]
    soft = smoothed(vertices, shape.faces, 10)
    vertices = vertices + np.clip(inner / 0.03, 0, 1)[:, None] * (soft - vertices + normals * 0.3 * loose)
    inwards = -normals * (loose + 0.006)
    if finish == "collar":
        near_neck = (canonical[:, 2] > 0.4) & (np.abs(canonical[:, 0]) < 0.13)
        up = body.bones["neck01"][:3, 1] * 0.02 + normals * 0.008
        inwards = np.where(near_neck[:, None], up, inwards)
    return with_rim(vertices, shape, inwards, canonical)


def _hood(body: Body, dice: np.random.Generator) -> Mesh:
    """A hood that lies on the shoulders: a thick roll about the neck, thickest behind."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    behind = (1 + np.cos(angle)) / 2
    path = np.stack([0.085 * np.sin(angle), 0.02 + 0.075 * np.cos(angle), 0.462 + 0.04 * behind], 1)
    path += dice.normal(0, 0.002, path.shape)
    bone, rest = body.bones["neck01"], np.array([0.0, 0.006, 0.513])
    chest = body.bones["spine01"][:3, :3] @ np.array([[1.0, 0, 0], [0, -0.16, 0.99], [0, -0.99, -0.16]])
    placed = bone[:3, 3] + body.scale * (path - rest) @ chest.T
    return tube(placed, body.scale * (0.013 + 0.022 * behind), closed=True)


def _cloth(garment: Garment) -> dict[str, Any]:
    return {
        "kind": "cloth",
        "pattern": garment.pattern,
        "colours": [list(colour) for colour in garment.colours],
        "scale": garment.scale,
        "share": garment.share,
        "heather": garment.heather,
        "roughness": garment.roughness,
    }


def _legs(dice: np.random.Generator) -> list[list[float]]:
    first = [[0.02, 0.035, 0.09], [0.01, 0.01, 0.012], [0.16, 0.12, 0.08], [0.1, 0.1, 0.11]][int(dice.integers(4))]
    return [first, first, [c * 0.7 for c in first]]
