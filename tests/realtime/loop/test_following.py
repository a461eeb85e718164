"""Small people of a live stream, followed from frame to frame."""

import numpy as np
import pytest

from engines.closer import look_closer
from realtime.loop.following import EVERY, FollowingEngine, compile_for_parts, follow
from tests.engines.test_closer import Doubtful, Overlapping, Seeing, bed, person


def alone(engine: Seeing) -> FollowingEngine:
    following = follow(look_closer(engine))
    assert isinstance(following, FollowingEngine)
    return following


def test_somebody_who_walks_is_followed_and_seldom_looked_for() -> None:
    engine = Seeing()
    following = alone(engine)
    for step in range(2 * EVERY):
        frame = person(150, 40 + 9 * step, 60)
        np.testing.assert_array_equal(following(frame).alpha, np.asarray(frame[..., 0] == 255, np.float32))
    assert engine.seen.count((400, 640)) == 1  # the first frame
    assert engine.looked_at == [(400, 640)]
    assert len(engine.seen) == 2 * EVERY + 1


def test_others_who_come_are_seen_in_time() -> None:
    following = alone(Seeing())
    following(person(150, 60, 60))
    frame = np.maximum(person(150, 60, 60), person(150, 520, 60))
    found = [following(frame).alpha[180, 550] for _ in range(EVERY)]
    assert found[-1] == 1


@pytest.mark.parametrize("size", [380, 0])
def test_who_comes_near_or_goes_is_no_longer_followed(size: int) -> None:
    engine = Seeing()
    following = alone(engine)
    following(person(150, 300, 60))
    frame = person(0, 0, size, 400, 400) if size else np.zeros((400, 640, 3), np.uint8)
    for _ in range(2):
        following(frame)
    assert engine.seen[-1] == frame.shape[:2]


def test_what_goes_on_beyond_its_part_is_seldom_looked_at_again() -> None:
    engine = Doubtful()
    following = alone(engine)
    for _ in range(2 * EVERY):
        following(bed())
    assert len(engine.seen) == 2 * EVERY + 2


def test_what_parts_need_is_compiled_before_a_stream() -> None:
    engine = Seeing()
    compile_for_parts(look_closer(engine))
    assert len(engine.looked_at) == 2  # a wide frame, and a tall one
    compile_for_parts(engine)
    assert len(engine.looked_at) == 2


def test_it_is_for_engines_that_look_closer() -> None:
    for engine in (Seeing(), Overlapping()):
        assert follow(engine) is engine
