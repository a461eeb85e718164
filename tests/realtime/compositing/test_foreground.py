from fractions import Fraction

import numpy as np
import pytest

from engines.engine import Matte
from realtime.compositing.foreground import extend_foreground
from realtime.packet import Packet

PERSON, ROOM = (200, 40, 40), (20, 220, 220)


def matte(height: int, width: int) -> Matte:
    """A person on the left whose edge fades over a few pixels; where alpha is 0 the room shows."""
    alpha = np.clip((width / 3 - np.arange(width, dtype=np.float32)) / 4, 0, 1)[None].repeat(height, axis=0)
    foreground = np.where(alpha[..., None] > 0, np.array(PERSON, np.uint8), np.array(ROOM, np.uint8))
    small = np.zeros((4, 4), np.float32)
    return Matte(alpha, foreground, small, small)


@pytest.mark.parametrize("size", [(48, 64), (47, 33), (33, 97), (32, 32)])
def test_nothing_of_the_room_is_left_beyond_the_edge(size: tuple[int, int]) -> None:
    extended = extend_foreground(matte(*size))
    assert extended.shape == (*size, 3)
    assert extended.dtype == np.uint8
    assert np.abs(extended.astype(int) - PERSON).max() <= 3


def test_where_the_person_is_her_own_colours_stay() -> None:
    rng = np.random.default_rng(0)
    plain = matte(48, 64)
    textured = Matte(plain.alpha, rng.integers(0, 256, (48, 64, 3), np.uint8), plain.coarse, plain.unified)
    inside = plain.alpha >= 0.5
    assert np.array_equal(extend_foreground(textured)[inside], textured.foreground[inside])


def test_without_anyone_it_is_black() -> None:
    plain = matte(48, 64)
    assert not extend_foreground(Matte(np.zeros_like(plain.alpha), plain.foreground, plain.coarse, plain.unified)).any()


def test_a_packet_is_no_matte() -> None:
    packet = Packet(np.zeros((32, 32, 3), np.uint8), Fraction(0), 0)
    with pytest.raises(ValueError, match=r"not of realtime.packet.Packet; of a packet, give packet.fetch\(\)"):
        extend_foreground(packet)  # type: ignore[arg-type]
