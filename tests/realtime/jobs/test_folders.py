"""Folders of photos and videos, and where their results may go."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.errors import MediaError
from realtime.jobs.photo_folders import make_folder, photo_jobs
from realtime.jobs.video_folders import video_files

Jobs = list[tuple[Path, Path]]
Pair = Callable[[Path, Path], Jobs]


def photos(source: Path, target: Path) -> Jobs:
    return photo_jobs(source, target, ".mp4", tree=True).jobs


def videos(source: Path, target: Path) -> Jobs:
    return video_files(source, target).jobs


def matched_videos(source: Path, target: Path) -> Jobs:
    return video_files(source / "**" / "*.mp4", target).jobs


@pytest.fixture(params=[(photos, ".png"), (videos, ".mp4"), (matched_videos, ".mp4")], ids=lambda each: each[0].__name__)
def pair(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Pair, str]:
    """What pairs the files of a folder with those to write, and the suffix of the former."""
    monkeypatch.chdir(tmp_path)
    made: tuple[Pair, str] = request.param
    for name in ("all/raw/a", "all/raw/in/b", "all/raw/done/c"):
        path = Path(f"{name}{made[1]}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return made


def test_results_may_go_to_a_folder_that_holds_that_of_the_inputs(pair: tuple[Pair, str]) -> None:
    find, suffix = pair
    names = ["a", "done/c", "in/b"]
    for target in ("all", ".", "link"):
        Path("link").unlink(missing_ok=True)
        Path("link").symlink_to("all")
        expected = [(Path(f"all/raw/{name}{suffix}"), Path(target, f"{name}.mp4")) for name in names]
        assert sorted(find(Path("all/raw"), Path(target))) == expected


def test_results_among_the_inputs_are_not_done_again(pair: tuple[Pair, str]) -> None:
    find, suffix = pair
    Path("link").symlink_to("all/raw/done")
    for target in ("all/raw/done", "link"):
        found = sorted(source for source, _ in find(Path("all/raw"), Path(target)))
        assert found == [Path(f"all/raw/{name}{suffix}") for name in ("a", "in/b")]


def test_no_result_comes_to_lie_among_the_inputs(pair: tuple[Pair, str]) -> None:
    find, suffix = pair
    Path(f"all/raw/raw/a{suffix}").parent.mkdir()
    Path(f"all/raw/raw/a{suffix}").touch()
    with pytest.raises(MediaError, match=r"raw/raw/a\.\w+: would become all/raw/a.mp4, in the folder that is read"):
        find(Path("all/raw"), Path("all"))


def test_folders_that_are_closed_are_named(pair: tuple[Pair, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found below them, without a word."""
    monkeypatch.setattr(os, "access", lambda path, mode: path != Path("all/raw/in"))
    find, _ = pair
    if find is photos:
        found = photo_jobs(Path("all/raw"), Path("out"), ".png", tree=True)
        assert found.describe_left_out() == "left out: 1 folders or links to them, which are not entered (in)"
    elif find is videos:
        assert video_files(Path("all/raw"), Path("out")).closed == [Path("all/raw/in")]


def test_a_folder_that_cannot_be_made_has_the_remedy_for_its_reason(tmp_path: Path) -> None:
    """It was always to be made first, also below a file or on a disk that is read only."""
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match=r"file/new: cannot be made \(Not a directory\); name another folder to write to"):
        make_folder(tmp_path / "file/new")
    with pytest.raises(MediaError, match=r"missing/new: there is no folder .*missing; make it first"):
        make_folder(tmp_path / "missing/new")
