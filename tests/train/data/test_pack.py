"""A data folder packed into parts: read back it is the same people, backgrounds and mattes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from engines.errors import DataError
from tests.train.conftest import figure, make_data, scenery, write
from tests.train.data.test_relabel import Painter
from train.data.foregrounds import foreground_of
from train.data.library import Library, open_library, read_background, read_rgb, read_subject, read_unknown, unlabelled
from train.data.pack import packed, write_parts
from train.data.relabel import relabelled


def pack(library: Library, out: Path, part_bytes: int, photos: Sequence[Path] = ()) -> int:
    return len(write_parts(packed(library, photos), out, part_bytes))


def test_parts_are_read_as_the_folder_they_came_from(library: Library, tmp_path: Path) -> None:
    assert pack(library, tmp_path / "pack", 8_000) > 1
    again = open_library(tmp_path / "pack")
    assert {(s.set, s.image.stem, s.fine, s.cutout) for s in again.subjects} == {
        (s.set, s.image.stem, s.fine, s.cutout) for s in library.subjects
    }
    assert {(p.parent.name, p.stem) for p in again.backgrounds} == {(p.parent.name, p.stem) for p in library.backgrounds}
    for subject in again.subjects:
        before = next(s for s in library.subjects if (s.set, s.image.stem) == (subject.set, subject.image.stem))
        ours, theirs = read_subject(subject, 400), read_subject(before, 400)
        assert ours.shape == theirs.shape
        assert np.abs(ours[..., 3].astype(int) - theirs[..., 3]).max() <= (1 if subject.cutout else 0)
        assert (subject.unknown is None) == (before.unknown is None)
        if subject.unknown is not None and before.unknown is not None:
            assert np.array_equal(read_unknown(subject.unknown, 400), read_unknown(before.unknown, 400))
        seen = theirs[..., 3] > 128
        assert np.abs(ours[seen].astype(int) - theirs[seen]).mean() < 4
    for path in again.backgrounds:
        before = next(p for p in library.backgrounds if p.stem == path.stem)
        assert np.abs(read_background(path, 400).astype(int) - read_background(before, 400)).mean() < 4


def test_photos_without_masks_come_along_and_get_masks_in_their_part(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    for number in range(3):
        write(data / f"unlabelled/parties/{number}.jpg", scenery(90, 70, number))
    assert pack(open_library(data), tmp_path / "pack", 8_000, unlabelled(data)) > 1
    photos = unlabelled(tmp_path / "pack")
    assert sorted((p.parent.name, p.name) for p in photos) == [("parties", f"{number}.webp") for number in range(3)]
    assert read_rgb(photos[0]).shape == (90, 70, 3)
    steps: Iterator[object] = relabelled(tmp_path / "pack", tmp_path / "new", Painter())  # type: ignore[arg-type]
    assert len(list(steps)) == 3 + 3
    new = open_library(tmp_path / "new")
    assert {f"parties/{number}.webp" for number in range(3)} <= set(new.names())
    assert {s.image.parents[3].name for s in new.subjects if s.set == "parties"} == {p.parents[2].name for p in photos}
    assert unlabelled(tmp_path / "new") == []


def test_each_part_is_complete_in_itself(library: Library, tmp_path: Path) -> None:
    pack(library, tmp_path / "pack", 60_000)
    assert open_library(tmp_path / "pack" / "1").subjects


def test_pictures_of_one_name_in_two_formats_are_both_kept(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    write(data / "backgrounds/rooms/1.png", scenery(60, 50, 7))
    write(data / "fine/cutouts/2.webp", scenery(60, 50, 8), figure(60, 50))
    before = open_library(data)
    assert pack(before, tmp_path / "pack", 10**9) == 2
    after = open_library(tmp_path / "pack")
    for kind in ("backgrounds", "subjects"):
        assert len(getattr(after, kind)) == len(getattr(before, kind))
    sizes = {read_background(path, 1600).shape for path in after.backgrounds}
    assert sizes == {read_background(path, 1600).shape for path in before.backgrounds}


def test_no_part_is_larger_than_asked_for(library: Library, tmp_path: Path) -> None:
    pack(library, tmp_path / "pack", 8_000)
    for part in (tmp_path / "pack").iterdir():
        assert sum(file.stat().st_size for file in part.rglob("*") if file.is_file()) <= 8_000


def test_foregrounds_come_along(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(library, tmp_path / "pack", 10**9)
    photo = next(s for s in open_library(tmp_path / "pack").subjects if s.fine and not s.cutout)
    before = next(s for s in library.subjects if (s.set, s.image.stem) == (photo.set, photo.image.stem))
    expected = foreground_of(before, 500)
    monkeypatch.setitem(__import__("sys").modules, "pymatting", None)  # nothing is estimated again
    found = foreground_of(photo, 500)
    assert np.abs(found.astype(int) - expected).mean() < 4


def test_nothing_is_overwritten(library: Library, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "mine.txt").write_text("kept")
    with pytest.raises(DataError, match="exists already"):
        pack(library, tmp_path / "pack", 10**9)
    assert (tmp_path / "pack" / "mine.txt").read_text() == "kept"


def test_a_part_too_small_for_one_picture_is_refused_and_leaves_nothing_half_written(library: Library, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than a part"):
        pack(library, tmp_path / "pack", 100)
    assert [path.name for path in (tmp_path / "pack").iterdir() if path.name.startswith(".")] == []
