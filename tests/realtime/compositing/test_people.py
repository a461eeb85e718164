"""People who touch: each keeps to their own, if they were seen apart before."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from realtime.compositing.subjects import FollowedSubject, Point, subject_filter
from realtime.compositing.tracking import Moment, track_marked
from realtime.packet import Packet

HEIGHT, WIDTH = 240, 400
HER, HIM = (52, 64), (46, 56)  # half width and half height
ROW = 130
Centres = Sequence[tuple[float, float]]  # columns of hers and of his

APART = [(110.0, 300.0)] * 2
MEETING = [*APART, *((110.0 + step, 300.0 - 4 * step) for step in range(25))]  # at the end 94 px apart of their 98, heads off
PARTING = [*MEETING, *reversed(MEETING)]
TOUCHED = [index for index, (hers, his) in enumerate(PARTING) if his - hers < HER[0] + HIM[0]]


def disc(column: float, size: tuple[int, int]) -> Mask:
    """A soft ellipse."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    distance = np.hypot((x - column) / size[0], (y - ROW) / size[1])
    return np.asarray(np.clip((1 - distance) * size[0] / 3 + 0.5, 0, 1), np.float32)


def texture(seed: int, low: int, high: int) -> Mask:
    """Blurred noise of three channels, (HEIGHT, 2 * WIDTH, 3)."""
    noise = np.random.default_rng(seed).uniform(low, high, (HEIGHT // 6, WIDTH // 3, 3)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (2 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)


ROOM, HERS, HIS = texture(0, 90, 160), texture(1, 0, 200), texture(2, 60, 255)


def moved(pattern: Mask, column: float) -> Mask:
    """The part of a texture that moves along with somebody."""
    shift = np.array([[1, 0, column - WIDTH / 2], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(pattern, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_WRAP), np.float32)


def scene(centres: Centres) -> Iterator[tuple[Packet, Mask, Mask]]:
    """Packets whose mattes have both, and what in each is hers and his; he stands behind her."""
    for index, (hers, his) in enumerate(centres):
        her = disc(hers, HER)
        him = disc(his, HIM) * (1 - her)
        colours = ((her, moved(HERS, hers)), (him, moved(HIS, his)), (1 - her - him, ROOM[:, :WIDTH]))
        frame: Frame = np.ascontiguousarray(
            sum(share[..., None] * colour for share, colour in colours).clip(0, 255).astype(np.uint8)
        )
        small = np.zeros((8, 8), np.float32)
        packet = Packet(frame, Fraction(index, 25), index, matte=Matte(her + him, frame, small, small))
        yield packet, her, him


def subject_of(keep: str) -> FollowedSubject:
    subject = subject_filter(keep)
    assert subject is not None
    return subject


def left(subject: FollowedSubject, centres: Centres) -> list[tuple[float, float]]:
    """The shares of her and of him that stay in each frame."""
    shares = []
    for packet, her, him in scene(centres):
        subject(packet)
        assert packet.matte is not None
        shares.append(tuple(float(np.minimum(packet.matte.alpha, person).sum() / person.sum()) for person in (her, him)))
    return [(one, other) for one, other in shares]


def check(shares: list[tuple[float, float]]) -> None:
    for index, (hers, his) in enumerate(shares):
        assert hers > 0.94, f"she is not whole in frame {index}"
        assert his < 0.12, f"he is in frame {index}"


@pytest.mark.parametrize("keep", ["110,130", "27.5%,54%", "largest"])
def test_the_other_is_cut_off_while_both_touch_and_after(keep: str) -> None:
    assert len(TOUCHED) >= 10
    check(left(subject_of(keep), PARTING))


def test_both_are_carried_on_while_they_walk_together() -> None:
    together = [(MEETING[-1][0] - 2 * step, MEETING[-1][1] - 2 * step) for step in range(40)]
    check(left(subject_of("largest"), [*MEETING, *together]))


def test_the_smaller_one_can_be_kept_as_well() -> None:
    for hers, his in left(subject_of("300,130"), PARTING):
        assert his > 0.88
        assert hers < 0.12


def test_nobody_is_cut_who_touched_from_the_first_frame_on() -> None:
    for hers, his in left(subject_of("110,130"), MEETING[:-8:-1]):
        assert hers > 0.99
        assert his > 0.99


def test_who_touched_from_the_first_frame_on_goes_when_they_part() -> None:
    shares = left(subject_of("largest"), MEETING[::-1])
    assert shares[0][1] > 0.99
    assert shares[-1][0] > 0.99
    assert shares[-1][1] < 0.01


def test_the_memory_goes_on_in_another_process_while_they_touch() -> None:
    whole, first, second = (subject_of("110,130") for _ in range(3))
    middle = TOUCHED[4]
    for packet, _, _ in scene(PARTING):
        other = Packet(packet.frame, packet.time, packet.index, matte=packet.matte)
        whole(packet)
        if packet.index == middle:
            second.recall(first.memory())
        (first if packet.index < middle else second)(other)
        assert packet.matte is not None
        assert other.matte is not None
        np.testing.assert_array_equal(other.matte.alpha, packet.matte.alpha)


def alone(size: tuple[int, int], column: float, *extra: tuple[int, int, int]) -> Packet:
    """Somebody, and discs beside them of a column, a row and a radius."""
    alpha = disc(column, size)
    for centre in extra:
        cv2.circle(alpha, centre[:2], centre[2], 1.0, -1)
    frame: Frame = np.ascontiguousarray(ROOM[:, :WIDTH].astype(np.uint8))
    small = np.zeros((8, 8), np.float32)
    return Packet(frame, Fraction(0), 0, matte=Matte(alpha, frame, small, small))


def check_whole(subject: FollowedSubject, packet: Packet) -> None:
    assert packet.matte is not None
    alpha = packet.matte.alpha
    subject(packet)
    np.testing.assert_array_equal(packet.matte.alpha, alpha)


@pytest.mark.parametrize("keep", ["150,130", "largest"])
def test_a_hand_that_comes_into_the_picture_apart_is_theirs_when_it_arrives(keep: str) -> None:
    subject = subject_of(keep)
    for column in (280, 250, 220):
        subject(alone(HER, 150, (column, 130, 15)))
    check_whole(subject, alone(HER, 150, (205, 130, 15)))


@pytest.mark.parametrize("keep", ["150,130", "largest"])
def test_what_came_off_the_one_who_is_kept_is_theirs_again(keep: str) -> None:
    subject = subject_of(keep)
    subject(alone(HER, 150, (220, 130, 40)))  # a large part of them, which the matte loses hold of
    apart = alone(HER, 150, (260, 130, 40))
    subject(apart)
    assert apart.matte is not None
    assert apart.matte.alpha[130, 260] == 0
    check_whole(subject, alone(HER, 150, (220, 130, 40)))


@pytest.mark.parametrize("moment", [0, len(PARTING) - 1])
def test_a_first_pass_tells_them_apart_either_way(moment: int) -> None:
    mark = Point("her", 27.5, 54, "%", "%")
    packets = (packet for packet, _, _ in scene(PARTING))
    track = track_marked(packets, [Moment(mark, Fraction(moment, 25))], (HEIGHT, WIDTH), len(PARTING))
    assert len(track) == len(PARTING)
    subject = subject_of("27.5%,54%")
    subject.track = track  # type: ignore[attr-defined]
    check(left(subject, PARTING))


def test_between_two_times_they_are_told_apart_from_both() -> None:
    mark = Point("her", 27.5, 54, "%", "%")
    moments = [Moment(mark, Fraction(moment, 25)) for moment in (0, len(PARTING) - 1)]
    subject = subject_of("27.5%,54%")
    subject.track = track_marked((packet for packet, _, _ in scene(PARTING)), moments, (HEIGHT, WIDTH))  # type: ignore[attr-defined]
    check(left(subject, PARTING))
