"""Strands of hair: grown from their roots by a walk that combs them, lets them fall and keeps them off the skin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from train.people.body import Body
from train.people.hairstyles import STYLES, Style
from train.people.person import Hair
from train.people.scalp import Roots, hairline, smooth
from train.people.skeleton import Floats, unit
from train.people.wearables import hat_edge


@dataclass(frozen=True)
class Strands:
    """Strands as points (N, K, 3) in metres, and their radii (N, K)."""

    points: Floats
    radii: Floats


class Surface:
    """What strands stay out of: the skin and what is worn on it, as points with normals."""

    def __init__(self, body: Body, cover: Floats) -> None:
        """`cover` (V,) is how thick what is worn lies on the skin."""
        near = body.template.skin & (body.template.canonical[:, 2] > 0.05)
        faces = body.template.faces[near[body.template.faces].all(1)]
        middles, normals = body.vertices[faces].mean(1), unit(body.normals[faces].mean(1))
        self._normals = np.concatenate([body.normals[near], normals])
        self._cover = np.concatenate([cover[near], cover[faces].mean(1)])
        self._tree = cKDTree(np.concatenate([body.vertices[near], middles]))

    def depth(self, points: Floats) -> tuple[Floats, Floats]:
        """How far points (N, 3) are outside, below 0 for within, and the way out (N, 3)."""
        _, nearest = self._tree.query(points, workers=-1)
        way = self._normals[nearest]
        return np.asarray(((points - self._tree.data[nearest]) * way).sum(1) - self._cover[nearest]), way

    def pushed(self, points: Floats, margin: Floats) -> Floats:
        """Points (N, 3) moved out to `margin` (N,) where they are nearer to the skin."""
        depth, way = self.depth(points)
        return np.asarray(points + np.maximum(margin - depth, 0)[:, None] * way)


class Head:
    """Between the world and places on the canonical head."""

    def __init__(self, body: Body) -> None:
        self.turned, self.scale = body.head, body.scale
        self.eyes = (body.bones["eye.L"][:3, 3] + body.bones["eye.R"][:3, 3]) / 2

    def local(self, points: Floats) -> Floats:
        """Places on the canonical head of points (N, 3)."""
        return np.asarray((points - self.eyes) @ self.turned / self.scale)

    def world(self, local: Floats) -> Floats:
        """Points of places (N, 3)."""
        return np.asarray(self.eyes + self.scale * local @ self.turned.T)


def off_the_face(local: Floats, side: Floats, wide: Floats) -> Floats:
    """Places (N, 3) moved aside, each to its side, out of the face and the throat; `wide` (N,) is by how much more."""
    x, y, z = local.T
    half = np.interp(z, (-0.3, -0.2, -0.12, 0.0, 0.045, 0.06), (0.0, 0.03, 0.048, 0.06, 0.05, 0.0)) + wide
    depth = np.interp(z, (-0.2, -0.12, 0.0, 0.06), (0.04, 0.05, 0.045, 0.02))
    inside = (y < depth) & (x * side < half) & (z < 0.06) & (z > -0.3)
    moved = local.copy()
    moved[inside, 0] = (side * half)[inside]
    return moved


def grow(
    hair: Hair, body: Body, roots: Roots, surface: Surface, dice: np.random.Generator, worn: tuple[str, ...] = ()
) -> Strands:
    """The strands of a head of hair. Under a hat that is `worn` they lie flat."""
    style, head, count = STYLES[hair.style], Head(body), len(roots)
    high = smooth(hairline(roots.local), 0.0, 0.11)
    layer = np.clip(0.25 + 0.6 * high + dice.normal(0, 0.15, count), 0.08, 1.15)
    stray = dice.random(count) < 0.03 * (0.4 + hair.frizz)
    layer = np.where(stray, layer * dice.uniform(1.0, 1.8, count), layer)
    part = hair.part + dice.normal(0, 0.004, count)
    side = np.where(roots.local[:, 0] > part * (roots.local[:, 1] < 0.1), 1.0, -1.0)
    clumps = dice.integers(0, count, 260)
    clump = cKDTree(roots.local[clumps]).query(roots.local)[1]
    lengths = hair.length * body.scale * dice.uniform(0.86, 1.04, count) * (1 - 0.1 * dice.random(len(clumps))[clump])
    fringe = _fringe(style, roots, dice)
    paths = _walk(hair, style, head, roots, surface, layer, side, lengths, fringe, clump, dice, worn)
    paths = _clumped(paths, clump, float(dice.uniform(0.1, 0.45)) * (not style.tied), len(clumps))
    paths = _waved(paths, hair, clump, stray, dice)
    points = paths.reshape(-1, 3)
    steps = paths.shape[1]
    margin = np.repeat(0.0012 * layer, steps).reshape(count, steps) * (np.arange(steps) > 0)
    margin[:, 0] = -0.002
    points = surface.pushed(points, margin.ravel())
    places = head.local(points)
    under = np.flatnonzero(places[:, 2] > hat_edge(worn, places) - 0.003)
    if len(under):
        depth, way = surface.depth(points[under])
        points[under] -= np.maximum(depth - 0.005 * body.scale, 0)[:, None] * way
    paths = points.reshape(count, steps, 3)
    radii = (
        hair.radius * np.interp(np.linspace(0, 1, steps), (0, 0.6, 1), (1, 1, 0.35))[None] * dice.uniform(0.7, 1.2, (count, 1))
    )
    return Strands(paths, radii)


def _fringe(style: Style, roots: Roots, dice: np.random.Generator) -> NDArray[np.bool_]:
    x, y, _ = roots.local.T
    return np.asarray(style.fringe & (np.abs(x) < 0.05) & (y < 0.055 + 0.008 * dice.normal(size=len(roots))))


def _combed(hair: Hair, style: Style, roots: Roots, side: Floats, fringe: NDArray[np.bool_], knots: Floats | None) -> Floats:
    """The way (N, 3) on the canonical head that hair is combed at its roots."""
    x, y, _ = roots.local.T
    if knots is not None:
        return unit(knots - roots.local)
    front = (1 - smooth(y, 0.0, 0.12))[:, None]
    aside = np.stack([side * 0.55, np.full(len(x), 0.75), np.full(len(x), 0.15)], 1)
    behind = np.stack([7 * x, np.full(len(x), 0.35), np.full(len(x), -0.7)], 1)
    if style.back:
        aside = np.stack([2 * x, np.full(len(x), 1.0), np.full(len(x), 0.2)], 1)
    way = front * aside + (1 - front) * behind
    way[fringe] = np.stack([x * 2 + 0.1 * np.sign(hair.part), np.full(len(x), -1.0), np.full(len(x), -0.25)], 1)[fringe]
    return unit(way)


def knots(style: Style, roots: Roots, high: float) -> tuple[Floats | None, NDArray[np.bool_]]:
    """Where the hair of each root is tied (N, 3), or None, and whether it is."""
    x, _, z = roots.local.T
    tied = np.ones(len(x), bool)
    if style.tied in ("ponytail", "bun"):
        place = np.array([0.0, 0.15, 0.0]) + high * np.array([0, 0.0, 0.09])
        place[1] += 0.035 if 0.2 < high < 0.7 else 0.01
        return np.tile(place, (len(x), 1)), tied
    if style.tied == "pigtails":
        return np.stack([np.where(x > 0, 0.075, -0.075), np.full(len(x), 0.125), np.full(len(x), -0.045)], 1), tied
    if style.tied == "half":
        return np.tile(np.array([0.0, 0.178, 0.045]), (len(x), 1)), z > 0.03
    return None, np.zeros(len(x), bool)


def _walk(
    hair: Hair,
    style: Style,
    head: Head,
    roots: Roots,
    surface: Surface,
    layer: Floats,
    side: Floats,
    lengths: Floats,
    fringe: NDArray[np.bool_],
    clump: NDArray[np.int64],
    dice: np.random.Generator,
    worn: tuple[str, ...],
) -> Floats:
    """The paths (N, K, 3) of strands, without their waves."""
    count, steps = len(roots), int(np.clip(round(hair.length / 0.018), 7, 24))
    goals, tied = knots(style, roots, float(dice.random()))
    gathered = 10 if goals is not None else 0
    steps += gathered
    combed = _combed(hair, style, roots, side, fringe, goals) @ head.turned.T
    combed -= (combed * roots.normals).sum(1, keepdims=True) * roots.normals
    way = unit(unit(combed) + roots.normals * (0.25 + 2.5 * style.stand))
    lengths = np.where(
        fringe, np.minimum(lengths, dice.uniform(0.05, 0.065) * head.scale * dice.uniform(0.92, 1.05, count)), lengths
    )
    step = lengths / (steps - gathered - 1)
    gravity = unit(np.array([hair.wind[0], hair.wind[1], -1.0]))
    stiff = 0.03 + 0.4 * style.stand
    wander = dice.normal(0, 0.35, (int(clump.max()) + 1, 3))[clump] * (0.3 + 0.5 * min(hair.frizz, 1))
    own = dice.normal(0, 0.1, (count, 3)) * (0.3 + hair.frizz)
    forwards = head.turned @ np.array([0, -1.0, 0])
    front = np.where(dice.random(len(wander))[clump] < hair.before, 0.55, -0.8)
    wide = dice.uniform(0.0, 0.022, count)
    paths = np.zeros((count, steps, 3))
    place = roots.places - 0.0015 * roots.normals
    paths[:, 0] = place
    gone = np.zeros(count)
    for index in range(1, steps):
        if goals is not None and index <= gathered:
            place, way, gone = _gather(
                place, way, goals, tied, head, surface, layer, hair, index / gathered, gone, step, gravity, stiff
            )
            paths[:, index] = place
            continue
        if goals is not None and index == gathered + 1:
            way = np.where(tied[:, None], _from_knot(goals, way, head, dice), way)
        local = head.local(place)
        neck = (smooth(-local[:, 2], 0.02, 0.08) * (1 - smooth(-local[:, 2], 0.25, 0.4)))[:, None]
        spread = np.sign(local[:, :1]) * smooth(np.abs(local[:, :1]), 0.08, 0.17) * smooth(-local[:, 2:], 0.1, 0.16)
        pull = (
            gravity
            - 0.7 * spread * head.turned[:, 0]
            + neck * front[:, None] * forwards * (np.abs(local[:, :1]) > 0.03) * (~tied[:, None])
        )
        way = unit(way + (pull + 0.15 * wander + own) * (step / stiff)[:, None])
        moved = place + way * step[:, None]
        gone += step
        flat = np.where(local[:, 2] > hat_edge(worn, local) - 0.006, 0.12, 1.0)
        margin = 0.0015 + hair.lift * head.scale * layer * smooth(gone, 0.0, 0.05) * flat
        moved = surface.pushed(moved, margin)
        aside = off_the_face(head.local(moved), side, wide)
        moved = np.where(fringe[:, None], moved, head.world(aside))
        way = unit(0.7 * unit(moved - place) + 0.3 * way)
        place = place + way * step[:, None]
        place = surface.pushed(place, np.full(count, 0.001))
        paths[:, index] = place
    if style.tied == "bun" and goals is not None:
        paths[:, gathered:] = _wound(head, goals, steps - gathered, dice)
    return paths


def _gather(
    place: Floats,
    way: Floats,
    goals: Floats,
    tied: NDArray[np.bool_],
    head: Head,
    surface: Surface,
    layer: Floats,
    hair: Hair,
    share: float,
    gone: Floats,
    step: Floats,
    gravity: Floats,
    stiff: float,
) -> tuple[Floats, Floats, Floats]:
    """One step of tied hair towards its knot, over the skin; hair that hangs free takes a small step of its own."""
    goal = head.world(goals) + 0.006 * head.scale * (unit(place - head.world(goals)))
    left = max(1 - share, 0.0) / max(1 - share + 0.1, 1e-6)
    towards = goal + (place - goal) * left
    free = place + 0.15 * step[:, None] * unit(way + gravity * (0.15 * step / stiff)[:, None])
    moved = np.where(tied[:, None], towards, free)
    margin = 0.0015 + hair.lift * head.scale * layer * smooth(gone + 0.02, 0, 0.05) * (1 - 0.6 * share)
    moved = surface.pushed(moved, margin)
    travelled = np.linalg.norm(moved - place, axis=1)
    return moved, unit(moved - place + 1e-9 * way), gone + travelled


def _from_knot(goals: Floats, way: Floats, head: Head, dice: np.random.Generator) -> Floats:
    """The way (N, 3) that hair leaves its knot: outwards, in a sheaf."""
    out = goals * [1.0, 1.0, 0.6] - [0, 0.07, 0]
    return unit(unit(out) @ head.turned.T * 1.2 + dice.normal(0, 0.16, way.shape) + 0.15 * way)


def _wound(head: Head, goals: Floats, steps: int, dice: np.random.Generator) -> Floats:
    """Strands (N, K, 3) wound about a bun."""
    count = len(goals)
    out = unit(goals[0] - [0, 0.07, 0.0])
    radius = float(dice.uniform(0.026, 0.042))
    up = unit(np.cross(out, [1.0, 0, 0]))
    aside = np.cross(up, out)
    middle = goals[0] + out * radius * 0.7
    start = dice.uniform(0, 2 * np.pi, (count, 1)) + np.linspace(0, 2.6, steps) * dice.uniform(1.0, 1.8, (count, 1))
    across = dice.uniform(0, 2 * np.pi, (count, 1)) + 0.6 * np.linspace(-1, 1, steps)
    tube = radius * 0.48 * np.sqrt(dice.uniform(0.5, 1.0, (count, 1)))
    ring = radius * 0.55 + tube * np.cos(across)
    local = (
        middle
        + (ring * np.cos(start))[..., None] * up
        + (ring * np.sin(start))[..., None] * aside
        + (tube * np.sin(across))[..., None] * out * 1.2
    )
    local += 0.0012 * dice.normal(size=(count, 1, 3))
    return head.world(local.reshape(-1, 3)).reshape(count, steps, 3)


def _clumped(paths: Floats, clump: NDArray[np.int64], share: float, clumps: int) -> Floats:
    """Strands drawn together towards the tips of their locks."""
    mean = np.zeros((clumps, *paths.shape[1:]))
    np.add.at(mean, clump, paths)
    mean /= np.maximum(np.bincount(clump, minlength=clumps), 1)[:, None, None]
    along = np.linspace(0, 1, paths.shape[1])[None, :, None]
    return np.asarray(paths + share * along**2 * (mean[clump] - paths))


def _waved(paths: Floats, hair: Hair, clump: NDArray[np.int64], stray: NDArray[np.bool_], dice: np.random.Generator) -> Floats:
    """Strands with their curls and their frizz, with as many points as those need."""
    count, steps, _ = paths.shape
    length = np.linalg.norm(np.diff(paths, axis=1), axis=2).sum(1)
    turns = hair.turns * hair.length if hair.curl > 0.001 else 0.0
    fine = int(np.clip(round(6 * turns), steps, max(steps, 32)))
    if fine > steps:
        where = np.linspace(0, steps - 1, fine)
        low = np.minimum(where.astype(int), steps - 2)
        paths = paths[:, low] + (where - low)[None, :, None] * (paths[:, low + 1] - paths[:, low])
    along = np.linspace(0, 1, fine)[None]
    if turns:
        tangent = unit(np.gradient(paths, axis=1))
        first = unit(np.cross(tangent, np.array([0.3, 0.9, 0.1])))
        second = np.cross(tangent, first)
        locks = int(clump.max()) + 1
        phase = dice.uniform(0, 2 * np.pi, locks)[clump] + dice.normal(0, 0.5, count)
        angle = phase[:, None] + 2 * np.pi * turns * dice.uniform(0.85, 1.15, locks)[clump][:, None] * along
        reach = hair.curl * smooth(along * length[:, None], 0.0, 0.07) * dice.uniform(0.7, 1.2, (count, 1))
        paths = paths + (reach * np.cos(angle))[..., None] * first + (reach * np.sin(angle))[..., None] * second
    noise = np.cumsum(dice.normal(size=(count, fine, 3)), axis=1) / np.sqrt(fine)
    amount = 0.004 * hair.frizz * np.where(stray, 5.0, 1.0) * np.clip(length / 0.2, 0.15, 1.2)
    return np.asarray(paths + (amount[:, None] * along)[..., None] * noise)
