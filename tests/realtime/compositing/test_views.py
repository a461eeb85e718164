from fractions import Fraction

import numpy as np
import pytest

from engines.engine import Matte
from realtime.compositing.backgrounds import open_background
from realtime.compositing.views import render_view
from realtime.packet import Packet
from tests.realtime.plain_engine import PlainEngine

RED = (255, 0, 0)


def packet(level: int = 0) -> Packet:
    frame = np.full((40, 50, 3), level, np.uint8)
    return Packet(frame, Fraction(0), 0, matte=PlainEngine()(frame))


def test_views() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    alpha = np.zeros((40, 50), np.float32)
    alpha[:20] = 1
    alpha[20:30] = 0.5
    foreground = np.full((40, 50, 3), 7, np.uint8)
    seen = Packet(frame, Fraction(0), 0, matte=Matte(alpha, foreground, alpha, alpha))
    with open_background("red") as background:
        picture, levels, colours, split = (
            render_view(seen, background, view) for view in ("picture", "alpha", "foreground", "split")
        )
    assert (picture[:20] == 7).all()
    assert (picture[30:] == RED).all()
    assert (levels[:20] == 255).all()
    assert np.abs(levels[20:30].astype(int) - 128).max() <= 1
    assert (levels[30:] == 0).all()
    assert (colours[:30] == 7).all()
    assert (colours[30:] == 128).all()
    assert (split[:, :25] == frame[:, :25]).all()
    assert (split[:, 25:] == picture[:, 25:]).all()


def test_none_leaves_the_frame_and_checkerboard_has_squares() -> None:
    seen = packet(90)
    with open_background("none") as background:
        assert (render_view(seen, background, "picture") == seen.frame).all()
    with open_background("checkerboard") as background:
        board = background.frame(seen)
    assert set(np.unique(board)) == {153, 204}
    assert board[0, 0, 0] == board[16, 16, 0] != board[0, 16, 0]


def test_a_stronger_blur_blurs_more() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[:, ::2] = 255
    frame[:, 40:60] = 255
    seen = Packet(
        frame, Fraction(0), 0, matte=Matte(np.zeros((100, 100), np.float32), frame, *[np.zeros((8, 8), np.float32)] * 2)
    )
    spread = []
    for spec in ("blur:0.5", "blur", "blur:3"):
        with open_background(spec) as background:
            spread.append(background.frame(seen).std())
    assert spread[0] > spread[1] > spread[2]
    for wrong in ("blur:0", "blur:x", "blur:99"):
        with pytest.raises(ValueError, match=r"0\.1 to 10"):
            open_background(wrong)
