import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.engine import Matte
from realtime.composite import composite
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
def test_equals_the_formula_within_a_level(height: int, width: int, seed: int, soft: bool) -> None:
    packet = packet_of(height, width, seed, soft)
    background = np.random.default_rng(seed + 1).integers(0, 256, (height, width, 3), np.uint8)
    kept = background.copy()
    picture = composite(packet, background)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert np.abs(picture - exact(packet, background)).max() <= 1
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
