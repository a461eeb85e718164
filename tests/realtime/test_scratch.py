"""The folder for temporary files of a program that runs for long."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.scratch import PREFIX, Scratch, remove_left, scratch_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell whose folders are in use")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def left_by_a_killed_process(temporary: Path) -> Path:
    """A folder with a file, and with a link to a folder outside, which has a file."""
    (temporary / "outside").mkdir()
    (temporary / "outside" / "kept").touch()
    program = (
        f"import os, tempfile; from realtime.scratch import Scratch; tempfile.tempdir = {str(temporary)!r}\n"
        f"scratch = Scratch(); path = scratch.path(); (path / 'file').touch()\n"
        f"(path / 'link').symlink_to(path.parent / 'outside')\n"
        "print(path, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    left = Path(done.stdout.strip())
    assert (left / "link" / "kept").exists(), done.stderr
    return left


def test_what_a_killed_process_left_is_removed_and_nothing_that_links_lead_to(temporary: Path) -> None:
    left = left_by_a_killed_process(temporary)
    remove_left()
    assert not left.exists()
    assert (temporary / "outside" / "kept").exists()
    assert [path.name for path in temporary.iterdir()] == ["outside"]


def test_what_is_in_use_or_no_such_folder_stays(temporary: Path) -> None:
    outside = temporary / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (temporary / f"{PREFIX}link").symlink_to(outside)
    (temporary / f"{PREFIX}file").touch()
    (temporary / "shm-other").mkdir()
    before = set(temporary.iterdir())
    with scratch_folder() as folder:
        remove_left()
        assert folder.is_dir()
        assert set(temporary.iterdir()) == before | {folder}
    assert set(temporary.iterdir()) == before
    assert (outside / "file").exists()


def test_what_another_user_left_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = left_by_a_killed_process(temporary)
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    remove_left()
    assert left.exists()


def test_it_is_made_anew_and_private_where_the_system_tidied_it_up(temporary: Path) -> None:
    scratch = Scratch()
    first = scratch.path()
    first.rmdir()
    first.mkdir(0o777)  # by whoever may write there
    second = scratch.path()
    assert second != first
    assert stat.S_IMODE(second.stat().st_mode) == 0o700
    scratch.close()
    assert first.exists()
