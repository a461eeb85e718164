import numpy as np
import pytest

from train.people.gestures import GESTURES, apply
from train.people.skeleton import Skeleton, about, elbow, shortest, unit

DICE = np.random.default_rng(3)


def test_the_shortest_rotation_turns_one_direction_into_the_other() -> None:
    for start, end in DICE.normal(size=(20, 2, 3)):
        rotation = shortest(start, end)
        np.testing.assert_allclose(rotation @ unit(start), unit(end), atol=1e-9)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    up = np.array([0, 0, 1.0])
    np.testing.assert_allclose(shortest(up, -up) @ up, -up, atol=1e-9)


def test_an_elbow_keeps_the_lengths_of_its_arm() -> None:
    for goal in DICE.normal(0, 0.4, (20, 3)):
        joint, wrist = elbow(np.zeros(3), goal, 0.3, 0.25, np.array([0.3, 1, -1.0]))
        assert np.linalg.norm(joint) == pytest.approx(0.3)
        assert np.linalg.norm(wrist - joint) == pytest.approx(0.25)
        if 0.06 < np.linalg.norm(goal) < 0.54:
            np.testing.assert_allclose(wrist, goal, atol=1e-6)


def arms() -> Skeleton:
    """Both arms and a head, each bone looking along its y."""
    places: dict[str, tuple[str | None, tuple[float, float, float]]] = {
        "spine": (None, (0, 0, 0)),
        "head": ("spine", (0, 0, 0.2)),
    }
    for side, out in (("L", 1), ("R", -1)):
        chain = {"clavicle": 0.02, "upperarm01": 0.16, "upperarm02": 0.28, "lowerarm01": 0.42, "lowerarm02": 0.5, "wrist": 0.6}
        before = "spine"
        for bone, aside in chain.items():
            forwards = float(np.interp(aside, (0.16, 0.42, 0.6), (0, -0.02, -0.08)))  # bent a little at the elbow
            places[f"{bone}.{side}"] = (before, (out * aside, forwards, 0.0))
            before = f"{bone}.{side}"
        for finger in range(1, 6):
            before = f"wrist.{side}"
            for joint in (1, 2, 3):
                spot = (out * (0.7 + 0.03 * joint), -0.09 + 0.02 * finger, 0.0)
                places[f"finger{finger}-{joint}.{side}"] = (before, spot)
                before = f"finger{finger}-{joint}.{side}"
    names = list(places)
    rest = np.tile(np.eye(4), (len(names), 1, 1))
    for index, (_, spot) in enumerate(places.values()):
        rest[index, :3, 3] = spot
    return Skeleton(names, [names.index(parent) if parent else -1 for parent, _ in places.values()], rest)


@pytest.mark.parametrize("side", ["L", "R"])
def test_a_hand_arrives_where_it_is_sent(side: str) -> None:
    skeleton = arms()
    goal = skeleton.place(f"upperarm01.{side}") + np.array([0.1, -0.25, 0.2])
    skeleton.reach(side, goal, np.array([0.2, 0.3, -1.0]))
    np.testing.assert_allclose(skeleton.place(f"wrist.{side}"), goal, atol=1e-6)
    skeleton.show_palm(side, np.array([0, -1.0, 0]), most=np.pi)
    np.testing.assert_allclose(skeleton.place(f"wrist.{side}"), goal, atol=1e-6)


def test_what_hangs_on_a_bone_turns_with_it() -> None:
    skeleton = arms()
    skeleton.turn("spine", about(np.array([0, 0, 1.0]), np.pi / 2))
    np.testing.assert_allclose(skeleton.place("clavicle.L"), [0, 0.02, 0], atol=1e-9)


@pytest.mark.parametrize("gesture", GESTURES)
def test_gestures_leave_every_bone_as_long_as_it_was(gesture: str) -> None:
    skeleton = arms()
    apply(skeleton, gesture, mirrored=False, loose=np.random.default_rng(1))
    for index, parent in enumerate(skeleton.parents):
        if parent >= 0:
            before = np.linalg.norm(skeleton.rest[index, :3, 3] - skeleton.rest[parent, :3, 3])
            posed = skeleton.posed()
            assert np.linalg.norm(posed[index, :3, 3] - posed[parent, :3, 3]) == pytest.approx(before)
