"""Who stays with --keep largest, over time too."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from realtime.compositing.subjects import FollowedSubject, LargestSubject, NobodyThere, subject_filter
from realtime.packet import Packet

HEIGHT, WIDTH = 240, 401
Disc = tuple[int, int, int]  # column, row, radius


def alpha_of(*people: Disc) -> Mask:
    """Soft discs."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    soft = [np.clip((radius - np.hypot(x - column, y - row)) / 4 + 0.5, 0, 1) for column, row, radius in people]
    return np.asarray(np.max([np.zeros((HEIGHT, WIDTH)), *soft], axis=0), np.float32)


def kept(largest: FollowedSubject, alpha: Mask) -> Mask:
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


def chosen(keep: str) -> FollowedSubject:
    subject = subject_filter(keep)
    assert subject is not None
    return subject


@pytest.mark.parametrize("point", ["320,150", "79.8%,62.5%", "320,62.5%", "349,168"])  # the last beside her
def test_the_one_at_a_point_stays_and_the_larger_one_goes(point: str) -> None:
    assert np.abs(kept(chosen(point), alpha_of(BIG, SMALL)) - alpha_of(SMALL)).max() < 0.02


def test_the_chosen_one_is_followed_and_nobody_takes_that_place() -> None:
    subject = chosen("320,150")
    for step in range(0, 120, 12):  # to the left, while the larger one goes on growing
        got = kept(subject, alpha_of((60, 150, 40 + step // 6), (320 - step, 150, 30)))
        assert np.abs(got - alpha_of((320 - step, 150, 30))).max() < 0.02
    assert kept(subject, alpha_of((60, 150, 50))).max() == 0  # she has gone; he stays, and is not she
    assert kept(subject, alpha_of()).max() == 0
    again = alpha_of((60, 150, 50), (215, 150, 30))
    other = chosen("0,0")
    other.recall(subject.memory())
    for each in (subject, other):  # in another process too
        assert np.abs(kept(each, again) - alpha_of((215, 150, 30))).max() < 0.02


def test_one_person_who_is_the_chosen_one_is_left_as_she_is() -> None:
    alpha = alpha_of(SMALL)
    assert kept(chosen("80%,63%"), alpha) is alpha


@pytest.mark.parametrize(
    ("point", "says"),
    [("220,20", "nobody is at 220,20; name"), ("402,150", "402,150 is outside of a picture of 401x240; name")],
)
def test_a_point_where_nobody_is_is_refused(point: str, says: str) -> None:
    with pytest.raises(NobodyThere, match=says):
        kept(chosen(point), alpha_of(BIG, SMALL))


def test_a_time_counts_in_files_alone() -> None:
    with pytest.raises(ValueError, match="5,5@3: names a time, which counts in video files alone; leave out @3"):
        subject_filter("5,5@3")


@pytest.mark.parametrize("keep", ["", "biggest", "5", "5,", "5,-5", "5;5", "101%,5", "5,1e3", "nan,5"])
def test_what_is_no_point_is_refused(keep: str) -> None:
    with pytest.raises(ValueError, match="is neither all nor largest nor a point"):
        subject_filter(keep)
