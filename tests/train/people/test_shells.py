import numpy as np
import pytest

from train.people.shells import ball, cut, grid_faces, smoothed, tube, with_rim

GRID = np.stack([*np.meshgrid(np.arange(9.0), np.arange(9.0)), np.zeros((9, 9))], -1).reshape(-1, 3)
FACES = grid_faces(9, 9, closed=False)


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    d = np.where((faces[:, 3] < 0)[:, None], a, vertices[faces[:, 3]])
    return float(0.5 * np.linalg.norm(np.cross(c - a, d - b), axis=1).sum())


@pytest.mark.parametrize("height", [0.5, 2.25, 7.9])
def test_a_cut_keeps_just_what_is_above_the_line(height: float) -> None:
    shape = cut(FACES, GRID[:, 1] - height)
    vertices = shape.at(GRID)
    assert area(vertices, shape.faces) == pytest.approx(8 * (8 - height))
    assert vertices[:, 1].min() == pytest.approx(height, abs=1e-4)
    rim = shape.rim()
    np.testing.assert_allclose(vertices[rim][..., 1], height, atol=1e-4)
    assert np.abs(vertices[rim[:, 0], 0] - vertices[rim[:, 1], 0]).sum() == pytest.approx(8)


def test_a_slanting_cut_keeps_its_area_and_which_way_faces_look() -> None:
    shape = cut(FACES, GRID[:, 0] + 0.7 * GRID[:, 1] - 6.1)
    vertices = shape.at(GRID)
    a, b, c = (vertices[shape.faces[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    beyond = cut(FACES, -(GRID[:, 0] + 0.7 * GRID[:, 1] - 6.1))
    assert area(vertices, shape.faces) + area(beyond.at(GRID), beyond.faces) == pytest.approx(64)


def test_a_rim_stands_along_the_cut() -> None:
    shape = cut(FACES, GRID[:, 1] - 2.25)
    flat = shape.at(GRID)
    mesh = with_rim(flat, shape, np.tile([0, 0, -0.5], (len(flat), 1)), flat)
    assert area(mesh.vertices, mesh.faces) == pytest.approx(8 * 5.75 + 8 * 0.5, rel=1e-4)


def test_smoothing_takes_a_spike_away_and_leaves_a_plane() -> None:
    spiked = GRID.copy()
    spiked[40, 2] = 1
    assert smoothed(spiked, FACES, 5)[40, 2] < 0.3
    np.testing.assert_allclose(smoothed(GRID, FACES, 5)[:, 2], 0)


def test_tubes_and_balls_look_outwards_or_are_as_thick_as_they_should() -> None:
    path = np.stack([np.linspace(0, 1, 9), np.zeros(9), np.zeros(9)], 1)
    rod = tube(path, 0.1)
    np.testing.assert_allclose(np.linalg.norm(rod.vertices[12:-12, 1:], axis=1), 0.1, atol=1e-9)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = tube(np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1), 0.1, closed=True)
    assert area(ring.vertices, ring.faces) == pytest.approx(4 * np.pi**2 * 0.1, rel=0.05)
    egg = ball(np.array([1.0, 2, 3]), np.array([1.0, 2, 3]))
    np.testing.assert_allclose((((egg.vertices - [1, 2, 3]) / [1, 2, 3]) ** 2).sum(1), 1)
