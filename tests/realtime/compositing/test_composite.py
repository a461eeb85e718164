from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.engine import Matte
from realtime.compositing.composite import check_light_wrap, composite, upsample_region
from realtime.packet import Packet


def packet_of(height: int, width: int, seed: int, soft: bool = True) -> Packet:
    """A frame of noise; alpha is noise, or mostly 0 and 1 with a soft border."""
    rng = np.random.default_rng(seed)
    alpha = rng.random((height, width), np.float32)
    if not soft:
        alpha = np.clip(alpha * 8 - 6, 0, 1)
    foreground = rng.integers(0, 256, (height, width, 3), np.uint8)
    frame = rng.integers(0, 256, (height, width, 3), np.uint8)
    small = np.zeros((8, 8), np.float32)
    return Packet(frame, 0, 0, matte=Matte(alpha, foreground, small, small))  # type: ignore[arg-type]


def exact(packet: Packet, background: np.ndarray) -> np.ndarray:
    assert packet.matte is not None
    alpha = packet.matte.alpha.astype(np.float64)[..., None]
    return alpha * packet.matte.foreground + (1 - alpha) * background


@settings(deadline=None, max_examples=60)
@given(st.integers(32, 131), st.integers(32, 131), st.integers(0, 2**32 - 1), st.booleans())
def test_equals_the_formula_within_a_level_and_a_half(height: int, width: int, seed: int, soft: bool) -> None:
    packet = packet_of(height, width, seed, soft)
    background = np.random.default_rng(seed + 1).integers(0, 256, (height, width, 3), np.uint8)
    kept = background.copy()
    picture = composite(packet, background)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert np.abs(picture - exact(packet, background)).max() <= 1.5
    assert (background == kept).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_full_and_an_empty_matte_are_exact(value: float) -> None:
    packet = packet_of(45, 67, 1)
    assert packet.matte is not None
    packet.matte.alpha[:] = value
    background = np.full((45, 67, 3), 200, np.uint8)
    assert (composite(packet, background) == (packet.matte.foreground if value else background)).all()


def test_refuses_another_size_and_a_packet_without_a_matte() -> None:
    packet = packet_of(40, 40, 2)
    with pytest.raises(ValueError, match="size"):
        composite(packet, np.zeros((40, 41, 3), np.uint8))
    packet.matte = None
    with pytest.raises(ValueError, match="matte"):
        composite(packet, np.zeros((40, 40, 3), np.uint8))


def disc() -> Packet:
    """A grey person with a soft edge, in a frame of an odd size."""
    packet = packet_of(151, 203, 5)
    assert packet.matte is not None
    y, x = np.mgrid[0:151, 0:203]
    packet.matte.alpha[:] = np.clip((50 - np.hypot(x - 101, y - 75)) / 3 + 0.5, 0, 1)
    packet.matte.foreground[:] = 100
    return packet


def test_no_light_wrap_is_the_plain_composite() -> None:
    background = np.random.default_rng(1).integers(0, 256, (151, 203, 3), np.uint8)
    assert (composite(disc(), background, light_wrap=0) == composite(disc(), background)).all()


def test_light_wraps_the_edges_and_leaves_the_middle_and_the_background() -> None:
    packet, background = disc(), np.full((151, 203, 3), 250, np.uint8)
    plain = composite(packet, background).astype(int)
    some, much = (composite(packet, background, light_wrap=amount).astype(int) for amount in (0.3, 0.9))
    assert packet.matte is not None
    alpha = packet.matte.alpha
    assert (much >= plain).all()
    assert (some[alpha == 0] == plain[alpha == 0]).all()
    assert np.abs(much - plain)[60:90, 85:118].max() <= 1  # deep inside
    inner_edge = (alpha == 1) & (np.hypot(*(np.mgrid[0:151, 0:203] - np.array([75, 101])[:, None, None])) > 46)
    assert (much - some)[inner_edge].min() > 0
    assert 20 < (much - plain)[inner_edge].mean() < 0.9 * 150
    assert (packet.matte.foreground == 100).all()


def test_a_background_of_the_persons_colour_changes_nothing() -> None:
    packet, background = disc(), np.full((151, 203, 3), 100, np.uint8)
    assert np.abs(composite(packet, background, light_wrap=1).astype(int) - 100).max() <= 1


@pytest.mark.parametrize("amount", [-0.1, 1.1, float("nan")])
def test_a_light_wrap_out_of_range_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="light wrap"):
        check_light_wrap(amount)
    with pytest.raises(ValueError, match="light wrap"):
        composite(packet_of(45, 67, 1), np.zeros((45, 67, 3), np.uint8), light_wrap=amount)


def test_a_light_wrap_may_be_a_fraction() -> None:
    packet, background = packet_of(45, 67, 1), np.zeros((45, 67, 3), np.uint8)
    assert (composite(packet, background, light_wrap=Fraction(1, 2)) == composite(packet, background, light_wrap=0.5)).all()


def test_what_is_no_packet_is_named() -> None:
    with pytest.raises(ValueError, match=r"composite takes a packet, not numpy.ndarray; take one of mattes"):
        composite(np.zeros((45, 67, 3), np.uint8), np.zeros((45, 67, 3), np.uint8))  # type: ignore[arg-type]


def test_a_light_wrap_in_range_is_returned() -> None:
    assert [check_light_wrap(amount) for amount in (0.0, 0.4, 1.0)] == [0.0, 0.4, 1.0]


def test_an_upsampled_region_is_that_part_of_the_whole() -> None:
    small = np.random.default_rng(2).random((13, 21), np.float32)
    whole = cv2.resize(small, (21 * 7, 13 * 7), interpolation=cv2.INTER_LINEAR)
    assert np.abs(upsample_region(small, 7, 40, 60, (32, 70)) - whole[40:72, 60:130]).max() < 0.02


@pytest.mark.parametrize("background", [*(np.zeros((45, 67, 3), kind) for kind in (float, int, np.uint16)), "green"])
def test_a_background_of_another_kind_is_refused(background: Any) -> None:
    with pytest.raises(ValueError, match=r"a background is uint8 RGB \(H, W, 3\) of the frame's size, not "):
        composite(packet_of(45, 67, 1), background)
