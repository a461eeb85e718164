import sys
from pathlib import Path

import pytest
import typer

from engines.commands.running import run, start
from engines.errors import MattingError


def test_bad_input_gets_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise MattingError("in.mp4: no such file; check the path")

    with pytest.raises(SystemExit) as exit_:
        run(command)
    assert exit_.value.code == 2
    assert capsys.readouterr().err == "error: in.mp4: no such file; check the path\n"


def test_a_name_too_long_for_a_file_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 300 + ".png"
    with pytest.raises(SystemExit) as end:
        run(lambda: Path(name).write_bytes(b""))  # type: ignore[arg-type,return-value]
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {name}: ")
    assert error.count("\n") == 1


def test_ctrl_c_gets_exit_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(SystemExit) as exit_:
        run(app)
    assert exit_.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "needs_more.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SystemExit) as exit_:
        start("needs_more", "train")
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "surely_not_installed" in error
    assert "[train]" in error
