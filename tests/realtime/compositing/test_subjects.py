"""Who stays with --keep largest, over time too."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from realtime.compositing.subjects import LargestSubject
from realtime.packet import Packet

HEIGHT, WIDTH = 240, 401
Disc = tuple[int, int, int]  # column, row, radius


def alpha_of(*people: Disc) -> Mask:
    """Soft discs."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    soft = [np.clip((radius - np.hypot(x - column, y - row)) / 4 + 0.5, 0, 1) for column, row, radius in people]
    return np.asarray(np.max([np.zeros((HEIGHT, WIDTH)), *soft], axis=0), np.float32)


def kept(largest: LargestSubject, alpha: Mask) -> Mask:
    frame: Frame = np.zeros((*alpha.shape, 3), np.uint8)
    small = np.zeros((8, 8), np.float32)
    packet = Packet(frame, Fraction(0), 0, matte=Matte(alpha, frame, small, small))
    before = alpha.copy()
    largest(packet)
    assert packet.matte is not None
    assert (alpha == before).all(), "the engine's own matte was changed"
    assert packet.matte.alpha.dtype == np.float32
    return packet.matte.alpha


BIG, SMALL = (120, 150, 60), (320, 150, 30)


def test_the_largest_stays_whole_and_the_others_go() -> None:
    assert np.abs(kept(LargestSubject(), alpha_of(BIG, SMALL, (20, 20, 12))) - alpha_of(BIG)).max() < 0.02


@pytest.mark.parametrize("people", [(), (BIG,)])
def test_nobody_and_one_person_are_left_as_they_are(people: tuple[Disc, ...]) -> None:
    alpha = alpha_of(*people)
    assert kept(LargestSubject(), alpha) is alpha


def test_two_who_stand_close_are_parted_where_they_part() -> None:
    left, right = (120, 150, 60), (226, 150, 40)  # six pixels between them
    got = kept(LargestSubject(), alpha_of(left, right))
    assert np.abs(got - alpha_of(left))[:, :180].max() < 0.3
    assert np.square(got - alpha_of(left)).mean() < 0.003
    assert got[:, 195:].max() < 0.05


def test_it_stays_with_the_one_it_has_while_both_are_about_as_large() -> None:
    largest = LargestSubject()
    left, right = (100, 150, 50), (300, 150, 50)
    assert kept(largest, alpha_of(left, (300, 150, 48)))[150, 100] == 1
    for radius in (52, 49, 55, 50):  # the other is now and then a little larger
        got = kept(largest, alpha_of(left, (300, 150, radius)))
        assert got[150, 100] == 1
        assert got[150, 300] == 0
    assert kept(largest, alpha_of((100, 150, 30), right))[150, 300] == 1, "the other is clearly larger now"


def test_it_follows_who_walks() -> None:
    largest = LargestSubject()
    for column in range(100, 200, 10):
        got = kept(largest, alpha_of((column, 150, 40), (320, 150, 42 if column > 100 else 30)))
        assert got[150, column] == 1
        assert got[150, 320] == 0


def test_who_is_gone_is_not_waited_for() -> None:
    largest = LargestSubject()
    kept(largest, alpha_of(BIG, SMALL))
    kept(largest, alpha_of())
    assert kept(largest, alpha_of(SMALL, (60, 60, 15)))[150, 320] == 1


def test_another_size_resets_the_memory() -> None:
    largest = LargestSubject()
    kept(largest, alpha_of(BIG, SMALL))
    other = np.asarray(cv2.resize(alpha_of(SMALL, (60, 60, 15)), (97, 180)), np.float32)
    assert kept(largest, other).max() > 0.9


def test_a_packet_without_a_matte_is_refused() -> None:
    with pytest.raises(ValueError, match="matte"):
        LargestSubject()(Packet(np.zeros((40, 40, 3), np.uint8), Fraction(0), 0))
