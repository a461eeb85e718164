"""`shm-train relabel` as a user meets it."""

from pathlib import Path
from typing import NoReturn

import pytest

from tests.train.commands.test_train import run
from train.commands import relabel


@pytest.mark.parametrize(
    ("out", "words", "message"),
    [
        ("there", (), "there: exists already; name a new folder"),
        ("data/new", (), "new: lies in the data; name a folder beside it"),
        ("new", ("--keep", "beaches"), "data: has no set beaches in coarse/; it has street"),
    ],
)
def test_what_cannot_be_done_is_said_before_an_engine_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    out: str,
    words: tuple[str, ...],
    message: str,
) -> None:
    def load(*_: object, **__: object) -> NoReturn:
        pytest.fail("an engine is loaded")

    monkeypatch.setattr(relabel, "load_engine", load)
    (tmp_path / "data/coarse/street").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    assert run(monkeypatch, "relabel", tmp_path / "data", tmp_path / out, *words) == 2
    error = capfd.readouterr().err
    assert error.startswith("error: ")
    assert error.endswith(f"{message}\n")
    assert error.count("\n") == 1
