"""Surfaces laid over the body: cut along a line, with a rim, and tubes along a path. All else that is worn is made of these."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.people.skeleton import Floats, unit

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Mesh:
    """Vertices (V, 3), faces (F, 4) whose last corner is -1 in a triangle, and the pattern's place at each vertex (V, 3)."""

    vertices: Floats
    faces: Ints
    canonical: Floats

    def scene(self, name: str, material: dict[str, Any], subdivide: int = 0) -> dict[str, Any]:
        """As the renderer takes it."""
        return {
            "name": name,
            "vertices": self.vertices,
            "faces": self.faces,
            "attributes": {"canonical": self.canonical},
            "material": material,
            "subdivide": subdivide,
        }


@dataclass(frozen=True)
class Cut:
    """A mesh cut where a field is 0: each vertex lies between two of the old ones."""

    faces: Ints  # (F, 4)
    one: Ints  # (W,)
    other: Ints  # (W,)
    share: Floats  # (W,): 0 at one, 1 at the other

    def at(self, values: Floats) -> Floats:
        """What old vertices have (V, ...), at the new ones."""
        share = self.share.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray((1 - share) * values[self.one] + share * values[self.other])

    def rim(self) -> Ints:
        """The edges (E, 2) along the cut."""
        edges = _edges(self.faces)
        keys = np.sort(edges, axis=1) @ np.array([1 << 32, 1])
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
        outer = edges[first[counts == 1]]
        return np.asarray(outer[(self.share[outer] > 0).all(1)])


def cut(faces: Ints, field: Floats) -> Cut:
    """What of a mesh of quads (F, 4) lies where a field (V,) is above 0."""
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    inside = field[triangles] > 0
    count = inside.sum(1)
    whole, quads, tips = triangles[count == 3], [], []
    pairs: list[Ints] = []
    for corner in range(3):
        order = [corner, (corner + 1) % 3, (corner + 2) % 3]
        alone = triangles[(count == 1) & inside[:, corner]][:, order]
        tips.append(alone)
        out = triangles[(count == 2) & ~inside[:, corner]][:, order]
        quads.append(out)
    tip, quad = np.concatenate(tips), np.concatenate(quads)
    pairs = [tip[:, [0, 1]], tip[:, [0, 2]], quad[:, [1, 0]], quad[:, [2, 0]]]
    crossing = np.concatenate(pairs)
    unique, place = np.unique(crossing, axis=0, return_inverse=True)
    own = np.unique(np.concatenate([whole.ravel(), tip[:, 0], quad[:, 1], quad[:, 2]]))
    index = np.full(len(field), -1)
    index[own] = np.arange(len(own))
    place = place.ravel() + len(own)
    a, b, c, d = np.split(place, np.cumsum([len(p) for p in pairs])[:-1])
    none = np.full(len(whole), -1)
    new = [
        np.column_stack([index[whole], none]),
        np.column_stack([index[tip[:, 0]], a, b, np.full(len(tip), -1)]),
        np.column_stack([index[quad[:, 1]], index[quad[:, 2]], d, c]),
    ]
    inner, outer = field[unique[:, 0]], field[unique[:, 1]]
    share = np.clip(inner / np.maximum(inner - outer, 1e-9), 1e-6, 1)
    return Cut(
        np.concatenate(new),
        np.concatenate([own, unique[:, 0]]),
        np.concatenate([own, unique[:, 1]]),
        np.concatenate([np.zeros(len(own)), share]),
    )


def smoothed(values: Floats, faces: Ints, times: int, share: float = 0.5) -> Floats:
    """Values (V, ...) that are moved towards the mean of their neighbours, so many times. A border keeps to itself."""
    from scipy.sparse import coo_matrix, diags

    edges = _edges(faces)
    both = np.concatenate([edges, edges[:, ::-1]])
    matrix = coo_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(len(values),) * 2).tocsr()
    matrix.data[:] = 1
    mean = diags(1 / np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)) @ matrix
    alone = np.asarray(matrix.sum(1)).ravel() == 0
    for _ in range(times):
        values = np.where(alone[:, None], values, (1 - share) * values + share * (mean @ values))
    return values


def with_rim(vertices: Floats, shape: Cut, along: Floats, canonical: Floats) -> Mesh:
    """A cut shell with a rim: its border (W, 3) drawn out by `along` (W, 3), inwards as a hem or upwards as a collar."""
    edges = shape.rim()
    border = np.unique(edges)
    index = np.full(len(vertices), -1)
    index[border] = len(vertices) + np.arange(len(border))
    band = np.column_stack([edges[:, 1], edges[:, 0], index[edges[:, 0]], index[edges[:, 1]]])
    return Mesh(
        np.concatenate([vertices, vertices[border] + along[border]]),
        np.concatenate([shape.faces, band]),
        np.concatenate([canonical, canonical[border]]),
    )


def tube(path: Floats, radius: Floats | float, closed: bool = False, flat: float = 1.0, across: Floats | None = None) -> Mesh:
    """A tube along a path (N, 3) with a radius, one for all or (N,); `flat` is how thick it is along `across`."""
    count, sides = len(path), 12
    tangent = unit(np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0))
    reference = np.array([0.0, 0.0, 1.0]) if across is None else across
    if across is None and np.abs(tangent @ reference).mean() > 0.8:
        reference = np.array([1.0, 0.0, 0.0])
    first = unit(reference - (tangent @ reference)[:, None] * tangent)
    second = np.cross(tangent, first)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[:-1]
    wide = np.broadcast_to(np.asarray(radius, float), (count,))[:, None, None]
    ring = path[:, None] + wide * (flat * np.cos(angle)[:, None] * first[:, None] + np.sin(angle)[:, None] * second[:, None])
    rows = ring if closed else np.concatenate([path[:1, None].repeat(sides, 1), ring, path[-1:, None].repeat(sides, 1)])
    faces = grid_faces(len(rows), sides)
    if closed:
        last, after = (count - 1) * sides + np.arange(sides), np.arange(sides)
        faces = np.concatenate([faces, np.column_stack([last, np.roll(last, -1), np.roll(after, -1), after])])
    points = rows.reshape(-1, 3)
    return Mesh(points, faces, points)


def ball(middle: Floats, radii: Floats) -> Mesh:
    """An ellipsoid."""
    around, down = np.meshgrid(np.linspace(0, 2 * np.pi, 25)[:-1], np.linspace(0.02, np.pi - 0.02, 16))
    points = np.stack([np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), np.cos(down)], -1).reshape(-1, 3)
    return Mesh(middle + radii * points, grid_faces(16, 24)[:, ::-1], points)


def grid_faces(rows: int, columns: int, closed: bool = True) -> Ints:
    """The quads (F, 4) of a grid of vertices, closed along its rows or not."""
    row, column = np.mgrid[0 : rows - 1, 0 : columns if closed else columns - 1]
    after = (column + 1) % columns
    corners = [row * columns + column, row * columns + after, (row + 1) * columns + after, (row + 1) * columns + column]
    return np.stack([c.ravel() for c in corners], 1)


def _edges(faces: Ints) -> Ints:
    """The edges (E, 2) of faces (F, 4), each as often as faces have it."""
    last = np.where(faces[:, 3] < 0, faces[:, 2], faces[:, 3])
    edges = [
        faces[:, [0, 1]],
        faces[:, [1, 2]],
        np.column_stack([faces[:, 2], faces[:, 3]]),
        np.column_stack([last, faces[:, 0]]),
    ]
    return np.concatenate([edges[0], edges[1], edges[2][faces[:, 3] >= 0], edges[3]])
