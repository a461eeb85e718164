"""The box around the people of a matte is exact, whatever the size of the picture, and specks do not widen it."""

import numpy as np
import pytest

from realtime.compositing.crop import people_box


@pytest.mark.parametrize("size", [(90, 120), (701, 533), (2001, 3003)])
def test_the_box_is_that_of_the_people_with_their_soft_edges(size: tuple[int, int]) -> None:
    height, width = size
    alpha = np.zeros(size, np.float32)
    top, bottom, left, right = height // 7, height * 3 // 4, width // 5, width // 2
    alpha[top:bottom, left:right] = 1
    alpha[top - 2 : top, left:right] = 0.3  # hair
    alpha[height - 2 :, width - 2 :] = 1  # a speck
    assert people_box(alpha) == (slice(top - 2, bottom), slice(left, right))


def test_all_people_are_in_it_and_the_margin_ends_with_the_picture() -> None:
    alpha = np.zeros((100, 200), np.float32)
    alpha[0:50, 20:40] = alpha[40:80, 150:180] = 1
    assert people_box(alpha) == (slice(0, 80), slice(20, 180))
    assert people_box(alpha, 0.1) == (slice(0, 96), slice(4, 196))
    assert people_box(alpha, 1.0) == (slice(0, 100), slice(0, 200))


def test_nobody() -> None:
    assert people_box(np.zeros((100, 200), np.float32)) is None
    assert people_box(np.full((100, 200), 0.05, np.float32)) is None
