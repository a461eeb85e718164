import errno
import subprocess
import sys
from pathlib import Path

import pytest

from engines import atomic
from engines.atomic import UNFINISHED, left_behind, replacing
from engines.errors import FileAppeared


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "matte.png"
    with replacing(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".png")
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "matte.png"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dangling", [False, True])
def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path, dangling: bool) -> None:
    target, link = tmp_path / "elsewhere" / "matte.png", tmp_path / "link.png"
    target.parent.mkdir()
    if not dangling:
        target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as temporary:
        assert temporary.parent == target.parent  # the same disk: it can be moved into place
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_loop_of_links_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(link)
    with pytest.raises(OSError, match=r"link\.png"), replacing(link):
        pass


def test_two_writers_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "a") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"  # it ended last


def write_too_late(path: Path) -> None:
    with replacing(path, overwrite=False) as temporary:
        temporary.write_text("late")
        path.write_text("first")


def test_without_overwriting_a_file_that_appears_meanwhile_stays_and_the_result_is_kept_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "matte.png"
    (tmp_path / "matte-2.png").write_text("older")
    with pytest.raises(FileAppeared, match=r"matte\.png: appeared .*matte-3\.png"):
        write_too_late(path)
    names = ("matte.png", "matte-2.png", "matte-3.png")
    assert [(tmp_path / name).read_text() for name in names] == ["first", "older", "late"]
    assert len(list(tmp_path.iterdir())) == 3


def test_without_hard_links_no_file_is_replaced_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, other: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "matte.png"
    with replacing(path, overwrite=False) as temporary:
        temporary.write_text("first")
    with pytest.raises(FileAppeared):
        write_too_late(tmp_path / "b.png")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "matte.png": "first",
        "b.png": "first",
        "b-2.png": "late",
    }


def test_without_overwriting_a_second_writer_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same process, as where a cell of a notebook runs again, it was told of another one."""
    with replacing(tmp_path / "a", overwrite=False) as first:
        with (
            pytest.raises(FileAppeared, match="a: this program is writing it already; close that first"),
            replacing(tmp_path / "a", overwrite=False),
        ):
            pass
        monkeypatch.setattr(atomic, "_ours", set())
        with pytest.raises(FileAppeared, match="another process is writing it"), replacing(tmp_path / "a", overwrite=False):
            pass
        with replacing(tmp_path / "b", overwrite=False) as other:
            other.write_text("other")
        first.write_text("first")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a": "first", "b": "other"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "matte.png"
    code = (
        "import os, sys; from pathlib import Path; from engines.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    assert [file.read_text() for file in tmp_path.iterdir()] == ["half"]
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text("whole")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "whole"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
def test_what_is_of_use_unfinished_is_left_and_named_unless_it_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    left = tmp_path / f"talk{UNFINISHED}0.mp4"
    left.write_text("half")
    with replacing(path, keep=True) as temporary:
        assert temporary.name == f"talk{UNFINISHED}1.mp4"
        temporary.write_text("whole")
        assert left_behind(path) == [left]
    assert left_behind(path) == [left]
    assert (path.read_text(), left.read_text()) == ("whole", "half")
