"""Small people of a frame, seen from nearer."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engines
import realtime
from engines.closer import FEW, FEWEST, MANY, MOST, SAY, SEEN, STEPS, CloserEngine, joined, look_closer, part_with_people
from engines.engine import Engine, Frame, Mask, Matte, OverlappingEngine, Pending, Profiled
from engines.geometry import SMALLEST, low_resolution
from engines.photos import finest_matte
from realtime.loop.following import follow

SAMPLES = Path(realtime.__file__).parent / "samples"


class Seeing(Engine):
    """Its matte is what it sees of the red channel, and so are its masks, which are square."""

    side = 64  # of a mask
    name, device, precision, model = "seeing", "a test", "fp32", "base"

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []  # the sizes of the frames that it matted
        self.looked_at: list[tuple[int, ...]] = []  # by MPN alone

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        self.seen.append(frame.shape[:2])
        alpha = np.asarray(frame[..., 0] / np.float32(255), np.float32)
        return Matte(alpha, frame // 2, self._small(frame), self._small(frame))

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        return Profiled(self(frame, mask), {})

    def coarse(self, frame: Frame) -> Mask:
        self.looked_at.append(frame.shape[:2])
        return self._small(frame)

    def _small(self, frame: Frame) -> Mask:
        red = np.ascontiguousarray(frame[..., 0]).astype(np.float32) / 255
        return np.asarray(cv2.resize(red, (self.side, self.side), interpolation=cv2.INTER_AREA), np.float32)

    def close(self) -> None:
        pass


class Overlapping(Seeing, OverlappingEngine):
    one_size = True

    def submit(self, frame: Frame, mask: Mask | None = None) -> Pending:
        raise NotImplementedError


def person(top: int, left: int, size: int, height: int = 400, width: int = 640) -> Frame:
    frame = np.full((height, width, 3), (0, 90, 200), np.uint8)
    return np.asarray(cv2.rectangle(frame, (left, top), (left + size - 1, top + size - 1), (255, 10, 10), -1), np.uint8)


masks = st.builds(
    lambda height, width, top, left, high, wide: (
        np.pad(np.ones((high, wide), np.float32), ((top, height - high - top), (left, width - wide - left)))
        if top + high <= height and left + wide <= width
        else np.ones((height, width), np.float32)
    ),
    *[st.integers(40, 80)] * 2,
    *[st.integers(0, 60)] * 2,
    *[st.integers(1, 60)] * 2,
)


@given(masks, st.integers(32, 900), st.integers(32, 900))
def test_a_part_holds_everybody_and_is_worth_it(mask: Mask, height: int, width: int) -> None:
    part = part_with_people(mask, height, width)
    if part is None:
        return
    rows, columns = part
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    assert high * wide <= MOST * height * width
    assert min(high, wide) >= SMALLEST
    assert high >= FEWEST * height // STEPS
    assert wide >= FEWEST * width // STEPS
    large = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    seen = np.argwhere(large > SEEN)
    assert (seen.min(axis=0) >= (rows.start, columns.start)).all()
    assert (seen.max(axis=0) < (rows.stop, columns.stop)).all()


def test_a_part_stays_as_it_is_while_people_move_a_little() -> None:
    parts = {str(part_with_people(Seeing()._small(person(180 + step % 3, 300 + step, 60)), 400, 640)) for step in range(12)}
    assert len(parts) <= 3


def test_there_is_no_part_where_nobody_is_or_people_fill_the_frame() -> None:
    assert part_with_people(np.zeros((64, 64), np.float32), 400, 640) is None
    assert part_with_people(np.full((64, 64), SEEN / 2, np.float32), 400, 640) is None
    assert part_with_people(np.ones((64, 64), np.float32), 400, 640) is None
    assert part_with_people(Seeing()._small(person(10, 10, 8, 60, 60)), 60, 60) is None  # too few pixels for an engine


def test_small_people_are_matted_in_their_part_and_large_ones_in_one_pass() -> None:
    engine = Seeing()
    closer = CloserEngine(engine)
    frame = person(0, 0, 400)
    np.testing.assert_array_equal(closer(frame).alpha, engine(frame).alpha)
    assert (engine.seen, engine.looked_at) == ([(400, 640)] * 2, [])

    engine.seen.clear()
    frame = person(150, 300, 60)
    matte = closer(frame)
    assert engine.seen == [(400, 640), (125, 160)]
    np.testing.assert_array_equal(matte.alpha, np.asarray(frame[..., 0] == 255, np.float32))
    assert matte.alpha.dtype == np.float32
    assert matte.foreground.dtype == np.uint8
    outside = matte.alpha == 0
    assert (matte.foreground[0] == frame[0]).all()  # outside of the part, the frame's own colours
    assert (matte.foreground[~outside] == frame[~outside] // 2).all()
    for mask in (matte.coarse, matte.unified):  # of the whole frame, too
        assert mask.shape == low_resolution(400, 640)
        np.testing.assert_allclose(cv2.resize(mask, (640, 400)).mean(), matte.alpha.mean(), rtol=0.1)

    engine.seen.clear()
    engine.looked_at.clear()
    closer(frame)  # where people were small, the frame itself needs MPN alone
    assert (engine.seen, engine.looked_at) == ([(125, 160)], [(400, 640), (125, 160)])


class Doubtful(Seeing):
    """Sees but a piece of what is in a whole frame."""

    def _small(self, frame: Frame) -> Mask:
        mask = super()._small(frame)
        if frame.shape[:2] == (400, 640):
            mask[:, 34:] = 0
        return mask


def bed() -> Frame:
    return np.asarray(cv2.rectangle(person(0, 0, 0), (250, 180), (600, 240), (255, 10, 10), -1), np.uint8)


def test_what_goes_on_beyond_its_part_is_matted_as_the_frame_has_it() -> None:
    for closer in (CloserEngine(Doubtful()), follow(CloserEngine(Doubtful()))):
        for _ in range(3):
            frame = bed()
            matte, whole = closer(frame), Doubtful()(frame)
            np.testing.assert_array_equal(matte.alpha, whole.alpha)
            np.testing.assert_array_equal(matte.foreground, whole.foreground)


class Timed(Doubtful):
    """Each network takes a time of its own in each pass, and MPN alone 20 ms."""

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        return Profiled(self(frame, mask), {"mpn": 1.0 if mask is None else 0.0, "qun": 10.0, "mrn": 100.0})

    def coarse(self, frame: Frame) -> Mask:
        time.sleep(0.02)
        return super().coarse(frame)


def test_times_are_the_sums_of_all_looks() -> None:
    small = person(150, 300, 60)
    closer = CloserEngine(Timed())
    assert closer.profile(person(0, 0, 400)).ms == {"mpn": 1, "qun": 10, "mrn": 100}
    after = closer.profile(bed()).ms  # a look in vain, at which MPN alone is needed
    assert after["mpn"] >= 1 + 20
    assert (after["qun"], after["mrn"]) == (10, 100)
    after = closer.profile(small).ms
    assert after["mpn"] >= 1 + 20
    assert (after["qun"], after["mrn"]) == (20, 200)
    after = closer.profile(small).ms  # MPN alone, then the part
    assert after["mpn"] >= 20 + 20
    assert (after["qun"], after["mrn"]) == (10, 100)
    after = closer.profile(bed()).ms  # MPN alone, also of the part, and the frame with the mask of MPN
    assert after["mpn"] >= 20 + 20
    assert (after["qun"], after["mrn"]) == (10, 100)

    live = follow(CloserEngine(Timed()))
    assert live.profile(small).ms == {"mpn": 2, "qun": 20, "mrn": 200}
    assert live.profile(small).ms == {"mpn": 1, "qun": 10, "mrn": 100}  # followed
    after = live.profile(bed()).ms
    assert (after["qun"], after["mrn"]) == (30, 300)


def test_mattes_do_not_depend_on_the_frames_before() -> None:
    frames = [
        person(0, 0, 400),
        person(150, 300, 60),
        person(40, 500, 90),
        person(0, 0, 400),
        np.zeros((400, 640, 3), np.uint8),
    ]
    closer = CloserEngine(Seeing())
    for frame in (*frames, *reversed(frames)):
        np.testing.assert_array_equal(closer(frame).alpha, CloserEngine(Seeing())(frame).alpha)


def test_a_given_mask_is_taken_as_it_is() -> None:
    engine = Seeing()
    CloserEngine(engine)(person(150, 300, 60), np.ones((8, 8), np.float32))
    assert (engine.seen, engine.looked_at) == ([(400, 640)], [])


def test_regions_are_mostly_of_the_whole_frame_and_edges_of_the_part() -> None:
    frame = np.zeros((320, 640, 3), np.uint8)
    whole, near = np.zeros((2, 320, 640), np.float32)
    whole[80:240, 160:480] = 1  # seen from far off: with a hat
    near[80:240, 161:400] = 1  # from near: without, and with an edge elsewhere
    part = slice(40, 280), slice(80, 560)
    mask = joined(near[part], whole, part, frame)
    assert mask.shape == (240, 480)
    assert mask.dtype == np.float32
    assert mask[120, 360] == pytest.approx(SAY, abs=0.02)  # in the hat
    assert mask[120, 200] == pytest.approx(1, abs=0.01)
    assert mask[20, 40] == pytest.approx(0, abs=0.01)
    assert mask[120, 81] - mask[120, 80] > 0.9  # the edge of the part
    np.testing.assert_allclose(joined(whole[part], whole, part, frame), whole[part], atol=1e-6)


def test_the_fewer_pixels_the_whole_has_of_a_part_the_less_it_says() -> None:
    whole, near = np.zeros((256, 512), np.float32), np.ones((64, 64), np.float32)
    for side in (80, 120, 160, 200, 240, 280, 320):
        part, pixels = (slice(0, side), slice(0, 2 * side)), (256 * side // 400) * (512 * side // 400)
        said = 1 - float(joined(near, whole, part, np.zeros((400, 800, 3), np.uint8)).mean())
        assert said == pytest.approx(SAY * np.clip((pixels - FEW) / (MANY - FEW), 0, 1), abs=1e-6)


def test_what_is_nobody_near_to_is_nobody() -> None:
    frame, part = np.zeros((64, 64, 3), np.uint8), (slice(0, 64), slice(0, 60))
    whole, near = np.ones((256, 256), np.float32), np.zeros((64, 64), np.float32)
    near[20:28] = 1  # a stripe of eight pixels is nobody
    np.testing.assert_array_equal(joined(near, whole, part, frame), near)
    near[20:30] = 1
    assert joined(near, whole, part, frame)[50, 30] > 0.5


@given(masks, masks, st.integers(0, 12), st.integers(1, 4))
def test_joined_masks_keep_their_range(near: Mask, whole: Mask, first: int, steps: int) -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    part = slice(30 * first, 30 * (first + steps)), slice(40 * first, 640)
    mask = joined(near, np.asarray(cv2.resize(whole, (512, 384)), np.float32), part, frame)
    assert mask.shape == near.shape
    assert 0 <= mask.min() <= mask.max() <= 1


class LosesHats(Seeing):
    """What is green it sees in whole frames alone; it remembers the masks that it is given."""

    side = 256

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Mask] = []

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        self.given += [] if mask is None else [mask]
        return super().__call__(frame, mask)

    def _small(self, frame: Frame) -> Mask:
        seen = frame if frame.shape[:2] == (400, 640) else np.where(frame[..., 1:2] == 255, np.uint8(0), frame)
        return super()._small(np.asarray(seen, np.uint8))


def with_hat() -> Frame:
    frame = person(180, 200, 200)
    return np.asarray(cv2.rectangle(frame, (200, 80), (399, 180), (255, 255, 10), -1), np.uint8)


def test_a_hat_that_is_lost_near_to_is_in_the_mask() -> None:
    frame = with_hat()
    part = part_with_people(Seeing()._small(frame), 400, 640)
    assert part is not None
    engine = LosesHats()
    CloserEngine(engine)(frame)
    engine.model = "base"
    finest_matte(frame, CloserEngine(engine))
    assert len(engine.given) == 2
    rows, columns = part
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start) / (400 * 640) * 256**2
    say = SAY * (pixels - FEW) / (MANY - FEW)
    assert 0 < say < SAY
    for mask in engine.given:
        down, across = (np.array([130, 300]) - (rows.start, columns.start)) / (
            rows.stop - rows.start, columns.stop - columns.start,
        ) * 256  # fmt: skip
        assert mask[int(down), int(across)] == pytest.approx(say, rel=0.02)


def test_live_all_frames_are_matted_by_their_part_alone() -> None:
    engine = LosesHats()
    live = follow(CloserEngine(engine))
    for _ in range(4):
        live(with_hat())
    assert len(engine.seen) == 5  # the first frame as a whole, too
    assert not engine.given  # no mask that two looks have a share in


def test_an_engine_of_a_gpu_stays_as_it_is() -> None:
    engine = Overlapping()
    assert look_closer(engine) is engine


def test_it_is_on_unless_it_is_turned_off() -> None:
    with engines.load("openvino") as on, engines.load("openvino", closer=False) as off:
        assert (isinstance(on, CloserEngine), isinstance(off, CloserEngine)) == (True, False)
        assert (on.name, on.device, on.precision, on.model, on.at_once) == (
            off.name, off.device, off.precision, off.model, off.at_once,
        )  # fmt: skip


@pytest.fixture(scope="module")
def far() -> tuple[Frame, Mask]:
    """A woman far away before a lake, and her alpha."""
    portrait = np.asarray(cv2.imread(str(SAMPLES / "portrait.jpg"), cv2.IMREAD_COLOR_RGB), np.uint8)
    frame = np.asarray(cv2.imread(str(SAMPLES / "background.jpg"), cv2.IMREAD_COLOR_RGB), np.uint8)
    frame = np.asarray(cv2.resize(frame, (1280, 720), interpolation=cv2.INTER_AREA), np.uint8)
    with engines.load("openvino", precision="fp32", closer=False) as engine:
        matte = engine(portrait)
    side = 120
    alpha, colours = (
        cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA)
        for each in (matte.alpha, matte.foreground.astype(np.float32))
    )
    place, truth = np.s_[-side:, 500 : 500 + side], np.zeros((720, 1280), np.float32)
    truth[place] = alpha.clip(0, 1)
    frame[place] = np.rint(alpha[..., None] * colours + (1 - alpha[..., None]) * frame[place])
    return frame, truth


def test_small_people_come_out_finer(far: tuple[Frame, Mask]) -> None:
    frame, truth = far
    with engines.load("openvino", precision="fp32") as engine, engines.load("openvino", precision="fp32", closer=False) as once:
        closer, whole, photo = (
            np.abs(matte.alpha - truth).mean() for matte in (engine(frame), once(frame), finest_matte(frame, engine))
        )
    assert closer < 0.6 * whole
    assert photo < 0.6 * whole
