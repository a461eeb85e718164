"""What people before a webcam do with their arms."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from train.people.skeleton import Floats, Skeleton, about

OPEN, RELAXED, FIST = (
    dict.fromkeys(range(1, 6), 0.0),
    dict.fromkeys(range(1, 6), 0.25),
    {1: 0.8} | dict.fromkeys(range(2, 6), 0.95),
)
POINTING, THUMB, VICTORY = FIST | {2: 0.0}, FIST | {1: -0.2}, FIST | {2: 0.0, 3: 0.0}


@dataclass(frozen=True)
class Arm:
    """Where a hand goes: from the shoulder or the head, in lengths of the arm, outwards, forwards and up."""

    wrist: tuple[float, float, float]
    pole: tuple[float, float, float] = (0.6, -0.5, -1.0)
    palm: tuple[float, float, float] | None = None
    fingers: dict[int, float] | None = None
    from_head: bool = False
    shrug: float = 0.0  # how far the shoulder is raised, radians


HANGING = Arm((0.14, 0.06, -0.97), (0.4, -1, 0))
DESK = Arm((-0.06, 0.62, -0.5), (1, -0.4, -0.6), (0, 0, -1))
WAVING = Arm((0.34, 0.42, 0.22), (0.8, 0, -1), (0, 1, 0), OPEN)
CROSSED_OVER = Arm((-0.58, 0.36, -0.42), (0.8, 0.35, -0.8), (-0.3, -1, 0))
CROSSED_UNDER = Arm((-0.5, 0.24, -0.5), (0.8, 0.3, -0.8), (-0.3, -1, 0))
GESTURES: dict[str, tuple[Arm, Arm]] = {  # the right arm, the left
    "hanging": (HANGING, HANGING),
    "desk": (DESK, DESK),
    "waving": (WAVING, HANGING),
    "both hands": (WAVING, WAVING),
    "crossed": (CROSSED_OVER, CROSSED_UNDER),
    "arms up": (Arm((0.4, 0.1, 0.85), (1, 0, -0.2), (0, 1, 0), OPEN, shrug=0.35),) * 2,
    "thumb up": (Arm((0.05, 0.6, -0.08), (0.8, 0, -1), (-1, 0, 0), THUMB), HANGING),
    "pointing": (Arm((0.25, 0.5, 0.1), (0.8, 0, -1), (-0.6, 0.5, 0), POINTING), DESK),
    "victory": (Arm((0.15, 0.48, 0.2), (0.8, 0, -1), (0, 1, 0), VICTORY), HANGING),
    "hand at chin": (Arm((0.03, 0.3, -0.34), (0.5, 0.4, -1), (-0.2, -1, 0.2), RELAXED | {2: 0.6}, from_head=True), DESK),
    "hand at cheek": (Arm((0.2, 0.13, -0.28), (0.9, 0.3, -1), (-1, -0.4, 0), RELAXED, from_head=True), DESK),
    "phone": (Arm((0.26, 0.08, -0.2), (0.9, 0.2, -1), (-1, 0, 0), FIST | {1: 0.1}, from_head=True), HANGING),
    "behind head": (Arm((0.33, -0.22, 0.08), (1, 0.4, 0.2), (-1, 0.5, 0), RELAXED, from_head=True, shrug=0.3),) * 2,
    "explaining": (
        Arm((0.2, 0.62, -0.22), (0.8, 0, -1), (-0.3, 0.2, 1), OPEN),
        Arm((0.1, 0.6, -0.3), (0.8, 0, -1), (-0.3, 0, 1), RELAXED),
    ),
    "hips": (Arm((0.02, -0.02, -0.72), (1, -0.35, 0), (-1, 0, 0), RELAXED),) * 2,
}


def apply(skeleton: Skeleton, gesture: str, mirrored: bool, loose: np.random.Generator) -> None:
    """Poses both arms; `loose` moves each a little from where it goes."""
    arms = GESTURES[gesture]
    for side, arm in zip("LR" if mirrored else "RL", arms, strict=True):
        outwards = 1 if side == "L" else -1
        if arm.shrug:
            skeleton.turn(f"clavicle.{side}", about(np.array([0, -outwards, 0.0]), arm.shrug))
        shoulder = skeleton.place(f"upperarm01.{side}")
        joints = [skeleton.place(f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist")]
        length = float(sum(np.linalg.norm(b - a) for a, b in pairwise(joints)))
        start = skeleton.place("head") + np.array([0, 0, 0.12 * length]) if arm.from_head else shoulder
        goal = start + length * _world(np.add(arm.wrist, loose.normal(0, 0.015 if arm.from_head else 0.035, 3)), outwards)
        skeleton.reach(side, goal, _world(np.array(arm.pole), outwards))
        if arm.palm is not None:
            skeleton.show_palm(side, _world(np.array(arm.palm), outwards))
        fingers = RELAXED if arm.fingers is None else arm.fingers
        skeleton.curl(side, {finger: bend + float(loose.uniform(-0.05, 0.12)) for finger, bend in fingers.items()})


def _world(direction: Floats, outwards: int) -> Floats:
    """Outwards, forwards, up, as the world has it: people look along -y, their left is +x."""
    out, forwards, up = direction
    return np.array([outwards * out, -forwards, up])
