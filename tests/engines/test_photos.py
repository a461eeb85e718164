"""Photos matted on more pixels than they have, and mirrored."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engines
import realtime
from engines.closer import CloserEngine
from engines.engine import Frame, Mask, Matte
from engines.photos import ENOUGH, MOST, MOST_PIXELS, both_ways, enlargement, finest_matte
from tests.engines.test_closer import Seeing, person
from tests.realtime.plain_engine import PlainEngine

PORTRAIT = Path(realtime.__file__).parent / "samples" / "portrait.jpg"


@given(st.integers(32, 70_000), st.integers(32, 1_000))
def test_no_more_is_matted_than_helps_and_fits(height: int, width: int) -> None:
    factor = enlargement(height, width)
    assert factor == enlargement(width, height)
    assert 1 <= factor <= MOST
    assert factor == 1 or factor**2 * height * width <= MOST_PIXELS
    assert factor == 1 or (factor - 1) * min(height, width) < ENOUGH


def test_a_large_photo_is_matted_as_it_is() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (1080, 1200, 3), np.uint8)
    ours, expected = (matte(frame) for matte in (lambda f: finest_matte(f, PlainEngine()), PlainEngine()))  # type: ignore[arg-type]
    np.testing.assert_array_equal(ours.alpha, expected.alpha)


def test_a_foreground_of_the_frames_own_colours_stays_exact_and_others_move_as_they_did() -> None:
    class Brighter(PlainEngine):
        """In the right half."""

        def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
            matte = super().__call__(frame)
            matte.foreground[:, frame.shape[1] // 2 :] += 10
            return matte

    frame = np.random.default_rng(0).integers(100, 140, (150, 200, 3), np.uint8)
    matte = finest_matte(frame, Brighter())  # type: ignore[arg-type]
    assert matte.alpha.shape == (150, 200)
    assert matte.alpha.dtype == np.float32
    np.testing.assert_array_equal(matte.foreground[:, :100], frame[:, :100])
    np.testing.assert_array_equal(matte.foreground[:, 100:], frame[:, 100:] + 10)


@pytest.mark.parametrize("sides", [(130, 150, 170, 200), (250, 300, 400)])
def test_edges_of_small_photos_come_nearer_to_those_of_the_large_one(sides: tuple[int, ...]) -> None:
    """Of several sizes: in one of them a gap in the hair of a few pixels outweighs all other edges."""
    engine = engines.load("openvino", precision="fp32")
    large = np.asarray(cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB), np.uint8)
    fine = engine(large).alpha
    plain, supersampled = [], []
    for side in sides:
        truth = cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA)
        small = np.asarray(cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        edge = (truth > 0.02) & (truth < 0.98)
        for errors, matte in ((plain, engine(small)), (supersampled, finest_matte(small, engine))):
            errors.append(np.abs(matte.alpha - truth)[edge].mean())
    assert np.mean(supersampled) < 0.9 * np.mean(plain)


class LeftToRight(PlainEngine):
    """Alpha rises from left to right, and the foreground's red is 9 more in the left half."""

    model = "large"

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        matte = super().__call__(frame)
        matte.alpha[:] = np.linspace(0, 1, frame.shape[1], dtype=np.float32)
        matte.foreground[:, : frame.shape[1] // 2, 0] += 9
        return matte


def test_a_frame_and_its_mirror_image_count_alike() -> None:
    frame = np.random.default_rng(0).integers(100, 140, (1100, 1200, 3), np.uint8)
    matte = both_ways(frame, LeftToRight())  # type: ignore[arg-type]
    np.testing.assert_allclose(matte.alpha, 0.5, atol=1e-6)
    np.testing.assert_array_equal(matte.foreground[..., 1:], frame[..., 1:])
    assert set(np.unique(matte.foreground[..., 0].astype(int) - frame[..., 0])) <= {4, 5}
    np.testing.assert_array_equal(matte.alpha, finest_matte(frame, LeftToRight()).alpha)  # type: ignore[arg-type]


class ByParts(PlainEngine):
    """Alpha is 1 where it sees a whole photo, and 0 where it sees a part."""

    model = "large"

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        matte = super().__call__(frame)
        matte.alpha[:] = frame.shape[:2] == (1100, 1200)
        return matte


@pytest.mark.parametrize("one_size", [False, True])
def test_a_photo_and_its_parts_count_alike_and_on_a_gpu_the_photo_alone(one_size: bool) -> None:
    engine = ByParts()
    engine.one_size = one_size
    alpha = both_ways(np.zeros((1100, 1200, 3), np.uint8), engine).alpha  # type: ignore[arg-type]
    np.testing.assert_array_equal(alpha, np.full_like(alpha, 1 if one_size else 0.5))


def test_a_photo_too_small_for_parts_is_matted_as_a_whole() -> None:
    frame = np.zeros((40, 50, 3), np.uint8)
    np.testing.assert_array_equal(both_ways(frame, ByParts()).alpha, 0)  # type: ignore[arg-type]
    assert both_ways(frame, ByParts()).alpha.shape == (40, 50)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "seen"), [(300, (400, 440)), (370, (400, 640))])
def test_a_photo_is_seen_from_nearer_where_a_frame_of_a_video_is_not(size: int, seen: tuple[int, int]) -> None:
    engine = Seeing()
    frame = person(40, 180, size)
    CloserEngine(engine)(frame)
    assert engine.seen == [(400, 640)]
    engine.seen.clear()
    finest_matte(frame, CloserEngine(engine))
    (matted,) = engine.seen
    factor = matted[0] // seen[0]
    assert matted == (factor * seen[0], factor * seen[1])


def test_the_large_model_mattes_a_photo_and_its_mirror_image_alike() -> None:
    photo = np.asarray(cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB), np.uint8)[:300, :260].copy()
    turned = np.ascontiguousarray(photo[:, ::-1])
    with engines.load("openvino", precision="fp32", model="large") as engine:
        finest = np.abs(finest_matte(photo, engine).alpha - finest_matte(turned, engine).alpha[:, ::-1]).mean()
        single = np.abs(engine(photo).alpha - engine(turned).alpha[:, ::-1]).mean()
    assert finest < 0.1 * single
