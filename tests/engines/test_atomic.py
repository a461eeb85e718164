from pathlib import Path

import pytest

from engines.atomic import replacing


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
