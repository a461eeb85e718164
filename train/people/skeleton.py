"""Bones and how they turn: forward kinematics, an arm that reaches for a place, a hand that turns its palm."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def unit(vector: Floats) -> Floats:
    """Vectors (..., 3) made as long as 1."""
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12))


def about(axis: Floats, angle: float) -> Floats:
    """The rotation (3, 3) by an angle in radians about an axis."""
    x, y, z = unit(np.asarray(axis, float))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def shortest(start: Floats, end: Floats) -> Floats:
    """The smallest rotation (3, 3) that turns one direction into another."""
    start, end = unit(start), unit(end)
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3) if start @ end > 0 else about(np.cross(start, unit(start[[1, 2, 0]] + 0.1)), np.pi)
    return about(axis, float(np.arctan2(sine, start @ end)))


def frame(along: Floats, aside: Floats) -> Floats:
    """A right-handed frame (3, 3), in columns: `along`, then what of `aside` is square to it."""
    first = unit(along)
    second = unit(aside - (aside @ first) * first)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def elbow(shoulder: Floats, wrist: Floats, upper: float, lower: float, pole: Floats) -> tuple[Floats, Floats]:
    """Where the elbow and the wrist of an arm of two lengths go that reaches for `wrist` with its elbow towards `pole`.

    What lies out of reach is reached for.
    """
    reach = wrist - shoulder
    far = float(np.clip(np.linalg.norm(reach), abs(upper - lower) * 1.05 + 1e-6, (upper + lower) * 0.998))
    along = unit(reach)
    aside = unit(pole - (pole @ along) * along)
    on = (upper**2 - lower**2 + far**2) / (2 * far)
    off = np.sqrt(max(upper**2 - on**2, 0.0))
    return np.asarray(shoulder + on * along + off * aside), np.asarray(shoulder + far * along)


@dataclass
class Skeleton:
    """Bones at rest, and the turns that pose them. `rest` (B, 4, 4) are frames in the world; parents come first."""

    names: list[str]
    parents: list[int]
    rest: Floats
    turns: Floats = field(init=False)  # (B, 3, 3): of each bone in its own frame

    def __post_init__(self) -> None:
        self.turns = np.tile(np.eye(3), (len(self.names), 1, 1))

    def posed(self) -> Floats:
        """The frames (B, 4, 4) of the posed bones."""
        frames = np.zeros_like(self.rest)
        for index, parent in enumerate(self.parents):
            local = np.eye(4)
            local[:3, :3] = self.turns[index]
            if index == 0 or parent < 0:
                frames[index] = self.rest[index] @ local
            else:
                frames[index] = frames[parent] @ np.linalg.inv(self.rest[parent]) @ self.rest[index] @ local
        return frames

    def place(self, name: str) -> Floats:
        """Where a bone begins, posed (3,)."""
        return np.asarray(self.posed()[self.names.index(name), :3, 3])

    def turn(self, name: str, rotation: Floats) -> None:
        """Turns a bone, with all that hangs on it, by a rotation (3, 3) in the world's axes."""
        index = self.names.index(name)
        frame = self.posed()[index, :3, :3]
        self.turns[index] = self.turns[index] @ frame.T @ rotation @ frame

    def reach(self, side: str, wrist: Floats, pole: Floats) -> None:
        """Bends the arm of a side, "L" or "R", so that its wrist goes to a place, its elbow towards `pole`."""
        names = [f"{bone}.{side}" for bone in ("upperarm01", "lowerarm01", "wrist")]
        shoulder, joint, hand = (self.place(name) for name in names)
        upper, lower = float(np.linalg.norm(joint - shoulder)), float(np.linalg.norm(hand - joint))
        new_joint, new_hand = elbow(shoulder, wrist, upper, lower, pole)
        bend_before, bend_after = np.cross(joint - shoulder, hand - joint), np.cross(new_joint - shoulder, new_hand - new_joint)
        swing = shortest(joint - shoulder, new_joint - shoulder)
        whole = frame(new_joint - shoulder, bend_after) @ frame(joint - shoulder, bend_before).T
        self.turn(names[0], swing)
        self.turn(f"upperarm02.{side}", whole @ swing.T)  # the twist, halfway down: a shoulder does not wring
        now = self.place(names[2]) - self.place(names[1])
        self.turn(names[1], shortest(now, new_hand - new_joint))

    def palm(self, side: str) -> Floats:
        """The direction (3,) that the palm of a side looks in."""
        wrist, first, last = (self.place(f"{bone}.{side}") for bone in ("wrist", "finger2-1", "finger5-1"))
        across = np.cross(first - wrist, last - wrist)
        return unit(across if side == "R" else -across)

    def show_palm(self, side: str, direction: Floats, most: float = 1.9) -> None:
        """Turns the forearm about itself, by `most` radians at most, so that the palm looks in a direction."""
        axis = unit(self.place(f"wrist.{side}") - self.place(f"lowerarm01.{side}"))
        palm = self.palm(side)
        now, wanted = palm - (palm @ axis) * axis, direction - (direction @ axis) * axis
        angle = float(np.arctan2(np.cross(now, wanted) @ axis, now @ wanted))
        angle = float(np.clip(angle, -most, most))
        self.turn(f"lowerarm02.{side}", about(axis, 0.6 * angle))
        self.turn(f"wrist.{side}", about(axis, 0.4 * angle))

    def curl(self, side: str, fingers: dict[int, float]) -> None:
        """Bends fingers, 1 for the thumb to 5, towards the palm: 0 as at rest, 1 a fist."""
        for finger, amount in fingers.items():
            for joint, most in zip((1, 2, 3), (0.5, 0.5, 0.6) if finger == 1 else (1.2, 1.5, 1.1), strict=True):
                name = f"finger{finger}-{joint}.{side}"
                frames = self.posed()
                along = frames[self.names.index(name), :3, 1]
                axis = np.cross(along, self.palm(side))
                self.turn(name, about(axis, amount * most))
