"""Glasses, headphones, hats and what else is worn on the head: simple shapes in places on the canonical head."""

from typing import Any

import numpy as np

from train.people.body import CANONICAL_EYES, Body
from train.people.person import Person
from train.people.scalp import on_canonical_head
from train.people.shells import Mesh, ball, cut, grid_faces, smoothed, tube, with_rim
from train.people.skeleton import Floats

HATS = {"cap": (0.052, -0.12), "beanie": (0.042, -0.3), "hat": (0.05, -0.12)}
"""How high each begins at the front of the head, in metres over the eyes, and what it loses of that in a metre backwards."""


def hat_edge(worn: tuple[str, ...], local: Floats) -> Floats:
    """The height (N,) over which a hat covers places (N, 3) on the head; infinite without a hat."""
    for name, (front, slope) in HATS.items():
        if name in worn:
            return np.asarray(front + slope * (local[:, 1] + 0.02))
    return np.full(len(local), np.inf)


def wear(person: Person, body: Body, dice: np.random.Generator) -> list[dict[str, Any]]:
    """The meshes of what a person wears on the head, as the renderer takes them."""
    scenes: list[dict[str, Any]] = []
    colour = {"kind": "plain", "colour": list(person.wearable_colour), "roughness": 0.35}
    dark = {"kind": "plain", "colour": [0.02, 0.02, 0.022], "roughness": 0.5}
    metal = {"kind": "plain", "colour": [0.8, 0.6, 0.3], "roughness": 0.2, "metallic": 1.0}
    lift = max(person.hair.lift * 0.8, 0.004) if person.hair.style != "bald" else 0.003

    def add(mesh: Mesh, material: dict[str, Any], subdivide: int = 0) -> None:
        placed = Mesh(body.on_head(mesh.vertices + CANONICAL_EYES), mesh.faces, mesh.canonical)
        scenes.append(placed.scene("worn", material, subdivide))

    for name in person.wearables:
        if name in ("glasses", "sunglasses"):
            shaded = name == "sunglasses"
            frame = [dark, colour, metal][int(dice.integers(3))]
            clear = {"kind": "lens", "tint": [0.97, 0.98, 0.98]}
            lens = {"kind": "plain", "colour": [0.008, 0.008, 0.01], "roughness": 0.06} if shaded else clear
            for mesh, is_lens in _glasses(dice, shaded):
                add(mesh, lens if is_lens else frame)
        elif name in ("headphones", "headset"):
            for mesh, padded in _headphones(dice, lift, name == "headset"):
                add(mesh, dark if padded else colour)
        elif name in HATS:
            fabric = {
                "kind": "cloth",
                "pattern": "knit" if name == "beanie" else "plain",
                "colours": [list(person.wearable_colour)] * 3,
                "scale": 30.0,
                "share": 0.5,
                "heather": 0.0,
                "roughness": 0.9,
            }
            scenes.append(_crown(person, body, name).scene("hat", fabric, 1))
            if name != "beanie":
                add(_brim(name, dice), fabric, 1)
        elif name == "headband":
            angle = np.linspace(0.1, np.pi - 0.1, 30)
            path = np.stack(
                [(0.077 + lift) * np.cos(angle), 0.065 - 0.02 * np.sin(angle), 0.005 + (0.107 + lift) * np.sin(angle)], 1
            )
            add(tube(path, 0.009, flat=0.25, across=np.array([0.01, 0.0, 1.0])), colour)
        elif name == "earrings":
            drop = float(dice.uniform(0.004, 0.016))
            for side in (-1, 1):
                turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
                ring = np.stack([0 * turn, drop * np.cos(turn), drop * np.sin(turn)], 1)
                ring += np.array([side * 0.081, 0.066, -0.044 - drop])
                add(tube(ring, 0.0012, closed=True) if drop > 0.007 else ball(ring.mean(0), np.full(3, 0.004)), metal)
    return scenes


def _glasses(dice: np.random.Generator, shaded: bool) -> list[tuple[Mesh, bool]]:
    half_width, half_height = dice.uniform(0.022, 0.027), dice.uniform(0.016, 0.023) + 0.003 * shaded
    square, thick = dice.uniform(2, 5), dice.uniform(0.0012, 0.0032)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    outline = np.stack([np.sign(f(turn)) * np.abs(f(turn)) ** (2 / square) for f in (np.cos, np.sin)], 1)
    parts: list[tuple[Mesh, bool]] = []
    for side in (-1, 1):
        middle = np.array([side * (half_width + 0.0085), -0.036, -0.005])
        x = outline[:, 0] * half_width
        rim = middle + np.stack([x, 0.12 * np.abs(side * x + half_width) ** 1.0 * 0.6, outline[:, 1] * half_height], 1)
        parts.append((tube(rim, thick, closed=True), False))
        fan = np.column_stack([np.full(40, 40), np.arange(40), np.roll(np.arange(40), -1), np.full(40, -1)])
        points = np.concatenate([rim, rim.mean(0)[None]])
        parts.append((Mesh(points, fan, points), True))
        hinge = rim[np.argmax(side * rim[:, 0])] + [0, 0, 0.4 * half_height]
        temple = np.array([hinge, [side * 0.074, 0.02, 0.006], [side * 0.079, 0.068, 0.007], [side * 0.078, 0.088, -0.014]])
        parts.append((tube(_curve(temple, 24), thick * 1.1), False))
    bridge = np.stack([np.linspace(-0.009, 0.009, 9), np.full(9, -0.037), 0.0 + 0.003 * np.cos(np.linspace(-1.5, 1.5, 9))], 1)
    parts.append((tube(bridge, thick), False))
    return parts


def _headphones(dice: np.random.Generator, lift: float, microphone: bool) -> list[tuple[Mesh, bool]]:
    size, out = dice.uniform(0.032, 0.045), 0.5 * lift
    angle = np.linspace(-0.05, np.pi + 0.05, 40)
    band = np.stack([(0.096 + out) * np.cos(angle), 0.07 - 0.015 * np.sin(angle), -0.01 + (0.128 + lift) * np.sin(angle)], 1)
    parts = [(tube(band, dice.uniform(0.008, 0.014), flat=0.4, across=np.array([0.01, 0.0, 1.0])), False)]
    for side in (-1, 1):
        parts.append((ball(np.array([side * (0.088 + out), 0.072, -0.02]), np.array([0.016, size * 0.85, size])), True))
        parts.append((ball(np.array([side * (0.1 + out), 0.072, -0.02]), np.array([0.014, size * 0.75, size * 0.9])), False))
    if microphone:
        arm = np.array([[0.1 + out, 0.06, -0.03], [0.095, 0.0, -0.06], [0.06, -0.045, -0.075], [0.035, -0.055, -0.07]])
        parts.append((tube(_curve(arm, 24), 0.002), True))
        parts.append((ball(arm[-1], np.array([0.009, 0.008, 0.008])), True))
    return parts


def _crown(person: Person, body: Body, name: str) -> Mesh:
    """The part of a hat that lies on the head."""
    local = on_canonical_head(body.template)
    field = np.where(
        body.template.skin & (body.template.ears < 0.2) & (local[:, 2] > -0.05), local[:, 2] - hat_edge((name,), local), -1.0
    )
    shape = cut(body.template.faces, field)
    normals = shape.at(body.normals)
    high = np.clip(shape.at(field) / 0.1, 0, 1)[:, None]
    vertices = shape.at(body.vertices) + normals * (0.011 + 0.006 * high)
    vertices = vertices + body.head[:, 2] * high**2 * {"cap": 0.008, "beanie": 0.03, "hat": 0.03}[name]
    soft = smoothed(vertices, shape.faces, 12)
    vertices = np.where(high > 0.02, soft, vertices)
    return with_rim(vertices, shape, -normals * 0.009, shape.at(body.template.canonical))


def _brim(name: str, dice: np.random.Generator) -> Mesh:
    """The brim: before the forehead for a cap, all around for a hat."""
    wide = dice.uniform(0.055, 0.075) if name == "cap" else dice.uniform(0.045, 0.09)
    around = np.linspace(-1.05, 1.05, 33) if name == "cap" else np.linspace(-np.pi, np.pi, 65)
    out = np.linspace(0, 1, 7)[:, None]
    reach = np.cos(around / 1.05 * np.pi / 2) ** 0.5 if name == "cap" else np.ones_like(around)
    reach = np.nan_to_num(reach)
    front, slope = HATS[name]
    x = (0.078 + out * wide * reach * (0.25 if name == "cap" else 1)) * np.sin(around)
    y = 0.07 - (0.108 + out * wide * reach) * np.cos(around)
    droop = -0.25 * wide * out**2 * np.sin(around) ** 2 - 0.01 * out if name == "cap" else 0.02 * out**2
    z = front + slope * (y + 0.02) + 0.004 + droop + 0 * x
    upper = np.stack([x, y, z], -1).reshape(-1, 3)
    faces = grid_faces(7, len(around), closed=False)
    points = np.concatenate([upper, upper - [0, 0, 0.003]])
    return Mesh(points, np.concatenate([faces, faces[:, ::-1] + len(upper)]), points)


def _curve(corners: Floats, count: int) -> Floats:
    """A smooth way (N, 3) through corners."""
    from scipy.interpolate import CubicSpline

    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    return np.asarray(CubicSpline(along, corners)(np.linspace(0, along[-1], count)))
