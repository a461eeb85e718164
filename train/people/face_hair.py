"""Brows and beards: short strands that bend over the skin."""

import numpy as np

from train.people.body import Body
from train.people.hair import Head, Strands
from train.people.person import Person
from train.people.scalp import Roots, beard, brows, roots
from train.people.skeleton import Floats, unit

LENGTHS = {"stubble": 0.0025, "moustache": 0.012, "goatee": 0.02, "short": 0.009, "full": 0.026, "long": 0.075}


def brow_strands(person: Person, body: Body, dice: np.random.Generator) -> Strands:
    """Both brows: combed outwards and up."""
    own = roots(body, brows(body.template), round(700 * person.brows), dice)
    side = np.sign(own.local[:, :1])
    way = unit(np.concatenate([side, np.zeros_like(side), 0.55 - 14 * np.abs(own.local[:, :1])], 1)) @ body.head.T
    return _bent(own, way, 0.0085 * body.scale, 0.25, 0.00011 * person.brows**0.5, dice)


def beard_strands(person: Person, body: Body, dice: np.random.Generator) -> Strands:
    """A beard: combed down, and off the chin the more the longer it is."""
    count = {"moustache": 1500, "goatee": 2500}.get(person.beard, 8000)
    own = roots(body, beard(body.template, person.beard), count, dice)
    length = LENGTHS[person.beard]
    way = np.tile(np.array([0.0, -0.15, -1.0]), (len(own), 1))
    way[:, 0] = 6 * own.local[:, 0]
    lip = own.local[:, 2] > -0.064
    way[lip, 0] *= 4
    lengths = np.where(lip, min(length, 0.013), length * np.interp(own.local[:, 2], (-0.1, -0.03, 0.0), (1, 0.6, 0.25)))
    curl = 0.12 * min(length / 0.02, 1)
    strands = _bent(own, unit(way) @ body.head.T, lengths * body.scale, 0.6, 0.00012, dice, curl)
    return Strands(_off_the_mouth(strands.points, body), strands.radii)


def _bent(
    own: Roots, way: Floats, lengths: Floats | float, stand: float, radius: float, dice: np.random.Generator, curl: float = 0.0
) -> Strands:
    """Strands that leave the skin along its normal by `stand` and bend towards a way (N, 3)."""
    count, steps = len(own), 7
    along = np.linspace(0, 1, steps)[None, :, None]
    way = unit(way - 0.9 * (way * own.normals).sum(1, keepdims=True) * own.normals + dice.normal(0, 0.22, way.shape))
    start, end = unit(own.normals + way * (1 - stand)), unit(way + 0.35 * stand * own.normals)
    reach = (np.broadcast_to(lengths, (count,)) * dice.uniform(0.6, 1.1, count))[:, None, None]
    points = (
        own.places[:, None]
        - 0.0008 * own.normals[:, None]
        + reach * ((along - along**2 / 2) * start[:, None] + along**2 / 2 * end[:, None]) * 1.1
    )
    noise = np.cumsum(dice.normal(size=(count, steps, 3)), axis=1) / steps
    points = points + curl * reach * along * noise
    radii = radius * np.linspace(1, 0.3, steps)[None] * dice.uniform(0.7, 1.2, (count, 1))
    return Strands(np.asarray(points), np.asarray(radii))


def _off_the_mouth(points: Floats, body: Body) -> Floats:
    """Points (N, K, 3) that would hang over the lips end above them."""
    head = Head(body)
    local = head.local(points.reshape(-1, 3)).reshape(points.shape)
    over = (local[:, :, 2] < -0.061) & (local[:, :, 2] > -0.078) & (np.abs(local[:, :, 0]) < 0.02) & (local[:, :1, 2] > -0.064)
    local[..., 2] = np.where(over, -0.061, local[..., 2])
    return head.world(local.reshape(-1, 3)).reshape(points.shape)
