"""Where hair grows: the scalp, the brows, the beard, as weights on the canonical head, and roots drawn from them.

Places on the head are metres from the middle between the eyes of the mean head: x to its left, y to its back, z up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.people.body import CANONICAL_EYES, Body, Template
from train.people.skeleton import Floats

HAIRLINE = (  # degrees about the head's axis from its front, and how high hair begins there
    (0, 30, 50, 62, 70, 80, 95, 110, 140, 180),
    (0.064, 0.062, 0.05, 0.03, 0.0, 0.006, 0.014, -0.03, -0.062, -0.07),
)


@dataclass(frozen=True)
class Roots:
    """Where strands begin: places and normals in the world, (N, 3) each, and the places on the canonical head."""

    places: Floats
    normals: Floats
    local: Floats

    def __len__(self) -> int:
        return len(self.places)


def smooth(value: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, a smooth step between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def on_canonical_head(template: Template) -> Floats:
    """The vertices (V, 3) as places on the head."""
    return np.asarray(template.canonical - CANONICAL_EYES)


def hairline(local: Floats, receding: float = 0.0) -> Floats:
    """How high over the hairline places (N, 3) are, in metres; it recedes at the temples and the crown."""
    degrees = np.degrees(np.arctan2(np.abs(local[:, 0]), 0.07 - local[:, 1]))
    base = np.interp(degrees, *HAIRLINE)
    return np.asarray(local[:, 2] - base - receding * np.interp(degrees, (0, 30, 60, 75), (0.5, 1, 1, 0)))


def scalp(template: Template, receding: float = 0.0) -> Floats:
    """How densely hair grows at each vertex (V,), 0 to 1."""
    local = on_canonical_head(template)
    return np.asarray(
        smooth(hairline(local, receding), 0.0, 0.008) * (template.ears < 0.3) * template.skin * (local[:, 2] > -0.1)
    )


def brows(template: Template) -> Floats:
    """How densely brows grow at each vertex (V,)."""
    x, y, z = on_canonical_head(template).T
    middle = np.interp(np.abs(x), (0.01, 0.035, 0.055), (0.015, 0.0225, 0.014))
    thick = np.interp(np.abs(x), (0.008, 0.015, 0.04, 0.056), (0.0045, 0.005, 0.0035, 0.002))
    inside = smooth(np.abs(x), 0.007, 0.011) * (1 - smooth(np.abs(x), 0.048, 0.055))
    return np.asarray(inside * (1 - smooth(np.abs(z - middle), 0.5 * thick, thick)) * (y < 0.03) * template.skin)


def beard(template: Template, kind: str) -> Floats:
    """How densely a beard of a kind grows at each vertex (V,)."""
    x, y, z = on_canonical_head(template).T
    aside = np.abs(x)
    on_face = (y < 0.06) & (z < 0.01) & (template.ears < 0.2) & template.skin & (z > -0.125)
    free = (1 - smooth(template.lips, 0.05, 0.3)) * on_face
    lip = smooth(z, -0.064, -0.06) * (1 - smooth(z, -0.052, -0.048)) * (1 - smooth(aside, 0.026, 0.034)) * (y < 0.0)
    chin = (1 - smooth(z, -0.076, -0.07)) * (1 - smooth(aside, 0.022, 0.032)) * (y < 0.02)
    edge = np.interp(y, (-0.04, -0.01, 0.02, 0.045), (-0.062, -0.055, -0.045, 0.005))
    jaw = (1 - smooth(z - edge, -0.012, 0.004)) * (1 - smooth(-z, 0.105, 0.122))
    if kind == "moustache":
        return np.asarray(lip * free)
    if kind == "goatee":
        ring = smooth(aside, 0.02, 0.024) * (1 - smooth(aside, 0.03, 0.036)) * (z < -0.055) * (y < 0.01)
        return np.asarray(np.clip(lip + chin + ring, 0, 1) * free)
    return np.asarray(np.clip(lip + jaw, 0, 1) * free)


def roots(body: Body, density: Floats, count: int, dice: np.random.Generator) -> Roots:
    """Roots drawn evenly over the skin, as densely as the weights (V,) say."""
    faces = body.template.faces
    faces = faces[(density[faces] > 0.02).any(1)]
    if not len(faces):
        nothing = np.zeros((0, 3))
        return Roots(nothing, nothing, nothing)
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    a, b, c = (body.vertices[triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    tries = int(count / max(float((area * density[triangles].mean(1)).sum() / area.sum()), 0.02) * 1.1) + 8
    chosen = triangles[dice.choice(len(triangles), tries, p=area / area.sum())]
    bary = dice.dirichlet((1, 1, 1), tries)

    def at(values: NDArray[np.float64]) -> Floats:
        return np.asarray((values[chosen] * (bary if values.ndim == 1 else bary[..., None])).sum(1))

    kept = np.flatnonzero(dice.random(tries) < at(density))[:count]
    normals = at(body.normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Roots(at(body.vertices)[kept], normals[kept], at(on_canonical_head(body.template))[kept])
