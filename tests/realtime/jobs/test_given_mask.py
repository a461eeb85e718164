"""--mask FRAME.png@TIME: a mask takes the first network's place in its frame and neighbours; its person is kept everywhere."""

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte, fit_mask
from realtime.jobs import segments
from realtime.packet import Packet
from tests.realtime.clips import frames
from tests.realtime.jobs.walking import COUNT, HER, check_shards, place, run, write_walk
from tests.realtime.plain_engine import PlainEngine

FRAME, NEIGHBOURS = 20, 8


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_walk(tmp_path / "in.mkv")


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """Of frame 20: she, and beyond what the engine finds: as if she had twice the radius."""
    her, _ = place(FRAME)
    assert her is not None
    path = tmp_path / "mask.png"
    cv2.imwrite(str(path), cv2.circle(np.zeros((120, 176), np.uint8), her, 2 * HER, 255, -1))
    return path


@pytest.fixture(autouse=True)
def refining(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of these tests gives back a mask that it gets, as the matte."""
    plain = PlainEngine.__call__

    def call(self: PlainEngine, frame: Frame, mask: Mask | None = None) -> Matte:
        matte = plain(self, frame)
        return matte if mask is None else Matte(fit_mask(mask, frame.shape[:2]), frame.copy(), mask, mask)

    monkeypatch.setattr(PlainEngine, "__call__", call)


def areas(path: Path) -> list[float]:
    """In each frame, the share of the ring between her radius and twice that which is in the matte; he is in none."""
    found = []
    for index, matte in enumerate(frames(path)):
        her, him = place(index)
        assert matte[him[1], him[0]].max() < 8, f"he is in frame {index}"
        if her is None:
            found.append(0.0)
            continue
        assert matte[her[1], her[0]].min() > 240, f"she is not in frame {index}"
        ring = cv2.circle(np.zeros((120, 176), np.uint8), her, 2 * HER - 2, 1, -1)
        cv2.circle(ring, her, HER + 2, 0, -1)
        found.append(float(matte[..., 0][ring > 0].mean() / 255))
    return found


def test_it_holds_in_its_frame_and_neighbours_both_ways_and_its_person_stays_alone(
    tmp_path: Path, clip: Path, mask: Path
) -> None:
    assert run(clip, tmp_path / "out.mkv", "--mask", f"{mask}@{FRAME / 25}") == 0
    shares = areas(tmp_path / "out.mkv")
    assert len(shares) == COUNT
    carried = range(FRAME - NEIGHBOURS, FRAME + NEIGHBOURS + 1)
    assert shares[FRAME] > 0.98
    assert all(shares[index] > 0.7 for index in carried)
    assert all(share < 0.02 for index, share in enumerate(shares) if index not in carried)


def test_shards_have_the_frames_of_one_process(tmp_path: Path, clip: Path, mask: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FRAMES", 10)
    for name, times in (("one", [FRAME]), ("two", [FRAME, FRAME + 3])):
        check_shards(clip, tmp_path / name, *(each for time in times for each in ("--mask", f"{mask}@{time / 25}")))


@pytest.mark.parametrize(("last", "searched"), [(15, 20), (25, 10), (35, 0)])
def test_an_interrupted_run_goes_on_and_searches_no_more_than_it_needs(
    tmp_path: Path,
    clip: Path,
    mask: Path,
    last: int,
    searched: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Segments end in frames 9, 19 and 29; the mask is of frame 20, and carried to 28."""
    monkeypatch.setattr(segments, "FRAMES", 10)
    plain, out, given = tmp_path / "plain.mkv", tmp_path / "out.mkv", ("--mask", f"{mask}@{FRAME / 25}")
    assert run(clip, plain, *given) == 0
    write = segments.SegmentedSink.write

    def interrupted(self: Any, packet: Packet) -> None:
        if packet.index == last:
            raise KeyboardInterrupt
        write(self, packet)

    with monkeypatch.context() as patched:
        patched.setattr(segments.SegmentedSink, "write", interrupted)
        assert run(clip, out, *given, "--resume") != 0
    capsys.readouterr()
    assert run(clip, out, *given, "--resume") == 0
    told = capsys.readouterr().err
    assert f"{clip}: {searched} frames were searched" in told if searched else "were searched" not in told
    for frame, same in zip(frames(out), frames(plain), strict=True):
        np.testing.assert_array_equal(frame, same)


def test_it_is_of_one_frame_where_the_picture_changes(tmp_path: Path, clip: Path, mask: Path) -> None:
    flipped = tmp_path / "flipped.mkv"
    pictures = [picture if index == FRAME else 255 - picture for index, picture in enumerate(frames(clip))]
    with av.open(str(flipped), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 176, 120, "gray"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[..., 0]), "gray")))
        container.mux(stream.encode(None))
    assert run(flipped, tmp_path / "out.mkv", "--mask", f"{mask}@0.8", "--start", "0.72", "--end", "0.88") == 0
    mattes = frames(tmp_path / "out.mkv")
    assert len(mattes) == 4
    assert mattes[2].mean() < 40  # she alone
    assert all(mattes[index].mean() > 100 for index in (0, 1, 3))  # all but she and he


def write_crossing(path: Path) -> Path:
    """A video of her, who walks to the right, and him, a little larger, who walks to the left along the same line."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 176, 120, "gray"
        for index in range(COUNT):
            picture = np.full((120, 176), 255, np.uint8)
            for x, radius in ((crossing(index), HER), (170 - crossing(index), HER + 2)):
                cv2.circle(picture, (x, 60), radius, 0, -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "gray")))
        container.mux(stream.encode(None))
    return path


def crossing(index: int) -> int:
    """Where she is; he is as far from the right."""
    return 20 + 3 * index


def test_a_second_mask_puts_right_whom_the_first_has_lost(tmp_path: Path) -> None:
    clip = write_crossing(tmp_path / "in.mkv")
    given: list[str] = []
    for index in (3, 45):
        disc = cv2.circle(np.zeros((120, 176), np.uint8), (crossing(index), 60), HER, 255, -1)
        cv2.imwrite(str(tmp_path / f"{index}.png"), disc)
        given += ["--mask", f"{tmp_path / f'{index}.png'}@{index / 25}"]
    apart = [index for index in range(COUNT) if abs(2 * crossing(index) - 170) > 24]
    kept: dict[str, list[bool]] = {}
    for name, masks in (("one", given[:2]), ("both", given[2:] + given[:2])):
        assert run(clip, tmp_path / f"{name}.mkv", *masks) == 0
        mattes = frames(tmp_path / f"{name}.mkv")
        kept[name] = [
            mattes[index][60, crossing(index)].max() > 240 and mattes[index][60, 170 - crossing(index)].max() < 8
            for index in apart
        ]
    assert all(kept["both"])
    assert not kept["one"][-1]  # otherwise the second mask would have nothing to do


@pytest.mark.parametrize(
    ("given", "options", "says"),
    [
        ("mask.png", [], "names no time; write the time of its frame behind it"),
        ("mask.png@soon", [], "soon: is not a time"),
        ("none.png@0.8", [], "none.png: no such file; check the name"),
        ("empty.png@0.8", [], "empty.png@0.8: has nobody in it"),
        ("mask.png@9", [], "mask.png@9: no frame is shown at that time"),
        ("mask.png@0.8", ["--keep", "largest"], "says who is kept, and so does largest"),
        ("mask.png@0.8", ["--mask", "{folder}/mask.png@9"], "mask.png@9: no frame is shown at that time"),
        ("mask.png@0.8", ["--mask", "{folder}/mask.png@0.81"], "0.81: is of the same frame as"),
        ("mask.png@0.8", ["--mask", "{folder}/empty.png@1"], "empty.png@1: has nobody in it"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_left(
    tmp_path: Path, clip: Path, mask: Path, given: str, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((120, 176), np.uint8))
    before = sorted(tmp_path.iterdir())
    options = [each.format(folder=tmp_path) for each in options]
    assert run(clip, tmp_path / "out.mkv", "--mask", tmp_path / given, *options) == 2
    told = capsys.readouterr().err
    assert says in told
    assert len(told.splitlines()) <= 2
    assert sorted(tmp_path.iterdir()) == before
