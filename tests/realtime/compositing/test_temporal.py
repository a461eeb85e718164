"""The filter's promises: off is off, what stands still is smoothed, and what moves is followed at once."""

import itertools
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from engines.engine import Frame, Mask, Matte
from realtime.choices import MAX_SMOOTH
from realtime.compositing.moved_mattes import blend_moved, block_size
from realtime.compositing.temporal import TemporalFilter
from realtime.packet import Packet

RNG = np.random.default_rng(3)
HEIGHT, WIDTH = 201, 307


def packet_of(frame: Frame, alpha: Mask, index: int) -> Packet:
    small = np.zeros((8, 8), np.float32)
    return Packet(frame, Fraction(index, 25), index, matte=Matte(alpha, frame, small, small))


def room(height: int = HEIGHT, width: int = WIDTH, seed: int = 1) -> Frame:
    """A smooth scene with contrast."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def person_at(left: int, seed: int = 1) -> tuple[Frame, Mask]:
    """A bright block before the room, and its alpha."""
    frame, alpha = room(seed=seed), np.zeros((HEIGHT, WIDTH), np.float32)
    frame[60:, left : left + 80] = (250, 240, 230)
    alpha[60:, left : left + 80] = 1
    return frame, alpha


def run(smooth: TemporalFilter, frames: list[Frame], alphas: list[Mask]) -> list[Mask]:
    packets = [packet_of(frame, alpha, index) for index, (frame, alpha) in enumerate(zip(frames, alphas, strict=True))]
    for packet in packets:
        smooth(packet)
    return [packet.matte.alpha for packet in packets if packet.matte is not None]


def run_file(smooth: TemporalFilter, frames: list[Frame], alphas: list[Mask]) -> list[Mask]:
    """The same of a file, whose next frame is in sight."""
    packets = [packet_of(frame, alpha, index) for index, (frame, alpha) in enumerate(zip(frames, alphas, strict=True))]
    for packet, following in zip(packets, [*packets[1:], None], strict=True):
        smooth(packet, following)
    return [packet.fetch().alpha for packet in packets]


def noisy(frame: Frame, deviation: float) -> Frame:
    return np.asarray((frame + RNG.normal(0, deviation, frame.shape)).clip(0, 255).round(), np.uint8)


def test_off_is_the_very_same_matte() -> None:
    frame, alpha = person_at(50)
    smooth = TemporalFilter(0)
    for index in range(3):
        packet = packet_of(frame, RNG.random(alpha.shape, np.float32), index)
        matte = packet.matte
        smooth(packet)
        assert packet.matte is matte


def test_the_first_matte_passes() -> None:
    frame, alpha = person_at(50)
    assert run(TemporalFilter(0.9), [frame], [alpha])[0] is alpha


@pytest.mark.parametrize("strength", [0.5, 0.8])
def test_of_a_still_scene_each_matte_has_its_weight(strength: float) -> None:
    """Forward an exponential mean; the next matte adds a share of itself: (x + s / (1 - s) * last + s * next) over the sum."""
    frame, first = person_at(50)
    alphas = [RNG.uniform(0, 1, first.shape).astype(np.float32) for _ in range(4)]
    expected, last, weight = [], np.zeros_like(first), 0.0
    for own, following in zip(alphas, [*alphas[1:], None], strict=True):
        causal = (1 - weight) * own + weight * last
        ahead = 0 if following is None else strength * (1 - weight)
        expected.append(causal if following is None else (causal + ahead * following) / (1 + ahead))
        last, weight = causal, strength
    for got, wanted in zip(run_file(TemporalFilter(strength), [frame] * 4, alphas), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_what_is_remembered_is_of_the_past_alone() -> None:
    frames, alphas = zip(*(person_at(50 + 2 * index) for index in range(4)), strict=True)
    one, other = TemporalFilter(), TemporalFilter()
    run(one, [*frames], [*alphas])
    run_file(other, [*frames], [*alphas])
    assert one.memory().keys() == other.memory().keys() != set()
    for name, kept in one.memory().items():
        np.testing.assert_array_equal(kept, other.memory()[name])


def test_nothing_comes_from_ahead_of_a_cut_or_a_gap() -> None:
    (frame, alpha), (other, other_alpha) = person_at(50), person_at(150, seed=5)
    assert run_file(TemporalFilter(0.9), [frame, other], [alpha, other_alpha])[0] is alpha
    late = packet_of(frame, other_alpha, 100)
    for following in (late, packet_of(frame[:-9].copy(), alpha[:-9], 1)):
        packet = packet_of(frame, alpha, 0)
        TemporalFilter(0.9)(packet, following)
        assert packet.fetch().alpha is alpha


def test_a_matte_ahead_is_moved_back_to_where_the_person_is() -> None:
    """The block moves by 6 pixels a frame: blended in place, its edges would be off by the share of the next matte."""
    frames, alphas = zip(*(person_at(40 + 6 * index) for index in range(5)), strict=True)
    for got, alpha in zip(run_file(TemporalFilter(0.8), [*frames], [*alphas]), alphas, strict=True):
        assert np.abs(got - alpha).mean() < 0.004


@settings(deadline=None, max_examples=25)
@given(st.floats(0, MAX_SMOOTH), st.integers(32, 90), st.integers(32, 300), st.integers(0, 2**32 - 1))
def test_it_stays_between_what_was_and_what_is(strength: float, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 256, (height, width, 3), np.uint8)] * 2 + [room(height, width, seed)] * 2
    alphas = [rng.random((height, width), np.float32) for _ in frames]
    kept = [alpha.copy() for alpha in alphas]
    got = run(TemporalFilter(strength), frames, alphas)
    last = got[0]
    for alpha, given_alpha, result in zip(kept, alphas, got, strict=True):
        assert (alpha == given_alpha).all(), "the engine's own matte was changed"
        assert result.dtype == np.float32
        assert result.shape == (height, width)
        low, high = np.minimum(last, alpha), np.maximum(last, alpha)
        assert ((result >= low - 1e-6) & (result <= high + 1e-6)).all()
        assert result.min() >= 0
        assert result.max() <= 1
        last = result


def spots(rng: np.random.Generator, height: int, width: int, count: int) -> Mask:
    """Soft-edged blocks before nothing; none where `count` is 0."""
    alpha = np.zeros((height, width), np.float32)
    for _ in range(count):
        top, left = rng.integers(0, height), rng.integers(0, width)
        alpha[top : top + rng.integers(1, height), left : left + rng.integers(1, width)] = rng.random()
    return np.asarray(cv2.blur(alpha, (9, 9), borderType=cv2.BORDER_CONSTANT), np.float32)


@settings(deadline=None, max_examples=40)
@given(st.integers(32, 500), st.integers(32, 500), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_blended_near_outlines_is_blended_as_a_whole(height: int, width: int, ours: int, others: int, seed: int) -> None:
    """By SciPy, in float64, on all pixels at once."""
    rng = np.random.default_rng(seed)
    alpha, other = spots(rng, height, width, ours), spots(rng, height, width, others)
    block = block_size(alpha)
    small = (height // block, width // block)
    flow = cv2.blur(rng.normal(0, rng.choice([0, 3, 20]), (*small, 2)).astype(np.float32), (3, 3))
    kept = rng.random(small, np.float32)
    grid = np.indices((height, width))
    cells = (grid + 0.5) / block - 0.5
    x, y, share = (map_coordinates(each, cells, order=1, mode="nearest") for each in (flow[..., 0], flow[..., 1], kept))
    moved = map_coordinates(other, grid + block * np.stack([y, x]), order=1, mode="nearest")
    got = blend_moved(alpha, other, flow, kept)
    assert np.abs(got - (alpha + share * (moved - alpha))).max() < 0.01


@pytest.mark.parametrize("strength", [0.3, 0.6, 0.9])
def test_a_still_scene_converges_to_its_matte(strength: float) -> None:
    """A matte that changes before a still scene is what the filter takes for flicker: it goes there by the share it keeps."""
    frame, alpha = person_at(50)
    got = run(TemporalFilter(strength), [frame] * 12, [np.zeros_like(alpha)] + [alpha] * 11)
    for index, result in enumerate(got):
        assert np.abs(alpha - result).max() == pytest.approx(strength**index, abs=1e-5)


@pytest.mark.parametrize("deviation", [0.0, 6.0])
def test_flicker_before_a_still_scene_falls_to_less_than_a_half(deviation: float) -> None:
    frame, alpha = person_at(50)
    flicker = [np.clip(alpha + RNG.normal(0, 0.1, alpha.shape), 0, 1).astype(np.float32) for _ in range(16)]
    got = run(TemporalFilter(), [noisy(frame, deviation) for _ in flicker], flicker)

    def change(alphas: list[Mask]) -> float:
        return float(np.mean([np.std(b - a) for a, b in itertools.pairwise(alphas[4:])]))

    assert change(got) < 0.5 * change(flicker)
    assert np.square(got[-1] - alpha).mean() < np.square(flicker[-1] - alpha).mean()


def test_flicker_of_a_person_who_moves_falls_too() -> None:
    """Two pixels a frame, of a person with some pattern: the matte is carried along."""
    frame, alpha = person_at(40)
    frame[60:, 40:120] = room(HEIGHT - 60, 80, seed=7)
    frames, truths = [], []
    for step in range(20):
        place = np.array([[1, 0, 2 * step], [0, 1, 0]], np.float32)
        there = np.asarray(cv2.warpAffine(alpha, place, (WIDTH, HEIGHT)), np.float32)
        person = np.asarray(cv2.warpAffine(frame, place, (WIDTH, HEIGHT)), np.uint8)
        frames.append(noisy(np.where(there[..., None] > 0.5, person, room()), 2))
        truths.append(there)
    flicker = [truth * np.float32(level) for truth, level in zip(truths, RNG.uniform(0.8, 1, len(truths)), strict=True)]
    got = run(TemporalFilter(), frames, flicker)

    def change(alphas: list[Mask]) -> float:
        errors = np.subtract(alphas, truths)[4:, 80:, 85:115]  # where the person is in all of these frames
        return float(np.diff(errors, axis=0).std())

    assert change(got) < 0.7 * change(flicker)


@pytest.mark.parametrize("size", [(32, 32), (33, 950), (950, 33), (71, 47), (100, 1001)])
def test_small_and_narrow_frames_are_smoothed_too(size: tuple[int, int]) -> None:
    """OpenCV's optical flow crashes, the whole program with it, on pictures that are too small for it."""
    frame, alpha = room(*size), RNG.random(size, np.float32)
    got = run(TemporalFilter(0.5), [frame, frame], [alpha, alpha * 0])
    assert np.abs(got[-1] - alpha / 2).max() < 1e-5


def test_flickering_light_is_not_taken_for_movement() -> None:
    """A lamp, or the camera's exposure: all of the picture is brighter in every other frame."""
    frame, alpha = person_at(50)
    dim = (frame * 0.8).astype(np.uint8)
    bright = (dim * 1.12).clip(0, 255).astype(np.uint8)
    flicker = [alpha, alpha * 0.5] * 8
    got = run(TemporalFilter(0.8), [dim, bright] * 8, flicker)
    assert np.abs(got[-1] - got[-2]).max() < 0.2 * 0.5


@pytest.mark.parametrize("strength", [0.6, MAX_SMOOTH])
def test_a_step_is_followed_in_the_same_frame(strength: float) -> None:
    frames, alphas = zip(*[person_at(50)] * 5, person_at(150), strict=True)
    got = run(TemporalFilter(strength), [noisy(frame, 4) for frame in frames], list(alphas))
    assert np.abs(got[-1] - alphas[-1]).max() < 0.02


def test_slow_movement_leaves_no_trail() -> None:
    """A third of a pixel a frame: what was left behind is soon no part of the matte."""
    big_frames, big_alphas = [], []
    for step in range(30):
        frame, alpha = person_at(50)
        place = np.array([[1, 0, step / 3], [0, 1, 0]], np.float32)
        big_frames.append(np.asarray(cv2.warpAffine(frame, place, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.uint8))
        big_alphas.append(np.asarray(cv2.warpAffine(alpha, place, (WIDTH, HEIGHT)), np.float32))
    got = run(TemporalFilter(0.8), big_frames, big_alphas)
    behind = got[-1][70:, 50:56]  # 4 to 10 pixels behind the moving edge
    assert behind.max() < 0.02


def test_a_cut_to_another_scene_resets_the_memory() -> None:
    first, before = person_at(50)
    second, after = person_at(150, seed=2)
    got = run(TemporalFilter(MAX_SMOOTH), [first] * 4 + [second], [before] * 4 + [after])
    assert (got[-1] == after).all()


def test_another_size_resets_the_memory() -> None:
    frame, alpha = person_at(50)
    smaller, small_alpha = np.ascontiguousarray(frame[:101]), np.ascontiguousarray(alpha[:101])
    got = run(TemporalFilter(MAX_SMOOTH), [frame, frame, smaller], [alpha * 0, alpha * 0, small_alpha])
    assert got[-1] is small_alpha


@pytest.mark.parametrize("seconds", [Fraction(5), Fraction(-1)])
def test_after_a_gap_or_a_step_back_it_resets_the_memory(seconds: Fraction) -> None:
    frame, alpha = person_at(50)
    smooth = TemporalFilter(MAX_SMOOTH)
    first, second = packet_of(frame, alpha * 0, 0), packet_of(frame, alpha, 1)
    second.time = seconds
    smooth(first)
    smooth(second)
    assert second.matte is not None
    assert second.matte.alpha is alpha


def test_two_streams_do_not_meet() -> None:
    frame, alpha = person_at(50)
    one, other = TemporalFilter(0.8), TemporalFilter(0.8)
    run(one, [frame], [alpha])
    assert run(other, [frame], [alpha * 0])[0].max() == 0


@pytest.mark.parametrize("strength", [-0.1, 0.96, 5, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        TemporalFilter(strength)


def test_a_packet_without_a_matte_is_refused() -> None:
    with pytest.raises(ValueError, match="matte"):
        TemporalFilter()(Packet(room(), Fraction(0), 0))
