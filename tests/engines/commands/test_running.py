import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import IO, Annotated, Literal

import pytest
import typer

import engines
from engines.backends import Backend
from engines.commands.app import command_app
from engines.commands.options import Threads, load_engine, size_option
from engines.commands.running import UsageError, needs_extra, run
from engines.errors import MattingError
from tests.imports import ROOT


def test_bad_input_gets_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise MattingError("in.mp4: no such file; check the path")

    with pytest.raises(SystemExit) as exit_:
        run(command)
    assert exit_.value.code == 2
    assert capsys.readouterr().err == "error: in.mp4: no such file; check the path\n"


@pytest.mark.parametrize(
    ("words", "place"),
    [(["", "out.mp4"], "the first one"), (["in.mp4", ""], "the one behind in.mp4"), (["in.mp4", "", "-y"], "behind")],
)
def test_an_empty_name_is_not_the_current_folder(
    words: list[str], place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`shm-video "$UNSET" done` edited all videos of the current folder."""
    app = command_app()
    app.command()(lambda: pytest.fail("it was run"))
    monkeypatch.setattr(sys, "argv", ["shm-video", *words])
    for arguments in (words, None):
        with pytest.raises(SystemExit) as end:
            run(app, arguments)
        assert end.value.code == 2
        assert re.fullmatch(rf"error: an argument is empty, .*{place}.*; is a variable .*\n", capsys.readouterr().err)


def test_a_name_too_long_for_a_file_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 300 + ".png"
    with pytest.raises(SystemExit) as end:
        run(lambda: Path(name).write_bytes(b""))  # type: ignore[arg-type,return-value]
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {name}: ")
    assert error.count("\n") == 1


def print_to(stdout: IO[bytes] | int, *, unbuffered: bool) -> "subprocess.CompletedProcess[str]":
    program = "from engines.commands.running import run; run(lambda: print('a line'))"
    environment = os.environ | {"PYTHONUNBUFFERED": "1" if unbuffered else ""}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_full_disk_below_standard_output_is_one_line(unbuffered: bool) -> None:
    with Path("/dev/full").open("wb") as full:
        done = print_to(full, unbuffered=unbuffered)
    says = "a file or standard output cannot be written (No space left on device); make room on its disk"
    assert (done.returncode, done.stderr) == (2, f"error: {says}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize("unbuffered", [False, True])
def test_nothing_is_said_where_nobody_reads_standard_output(unbuffered: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = print_to(writing, unbuffered=unbuffered)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_error_stays_one_line_whatever_a_file_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise MattingError("new\nline\x1b[31m é.mp4: no such file; check the name")

    with pytest.raises(SystemExit) as end:
        run(command)
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: new\\nline\\x1b[31m é.mp4: no such file; check the name\n"


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


def test_a_missing_extra_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        with needs_extra("train"):
            import surely_not_installed  # noqa: F401

    with pytest.raises(SystemExit) as exit_:
        run(command)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "surely_not_installed" in error
    assert "[train]" in error


def test_a_missing_module_of_our_own_is_not_taken_for_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("train"):
        import engines.surely_not_there  # noqa: F401


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "missing argument 'source'"),
        ("in.png --side red", "--side red: is not one of 'left', 'right'"),
        ("in.png --threads 0", "--threads 0: should be greater than or equal to 1"),
        ("in.png --threads many", "--threads many: should be a valid integer"),
        ("in.png --nothing", "no such option: --nothing"),
        ("in.png -x.mp4", "no such option: -x; if -x.mp4 is a file, write ./-x.mp4; see command --help"),
        ("in.png out.png", "got unexpected extra argument"),
        ("in.png --threads", "option '--threads' requires an argument; see command --help"),
        ("in.png --threads 99999999999999999999", "--threads 99999999999999999999: should be less than or equal to"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(
    words: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/command", *words.split()])
    app = command_app()

    @app.command()
    def command(
        source: str,
        side: Annotated[Literal["left", "right"], typer.Option()] = "left",
        threads: Threads = 1,
    ) -> None:
        pass

    with pytest.raises(SystemExit) as exit_:
        run(app, words.split())
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("error: ")
    assert message in error
    assert error.endswith(" --help\n")


def test_a_file_that_may_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It began with "IN : "."""
    (tmp_path / "a.png").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    app = command_app()

    @app.command()
    def command(source: Annotated[Path, typer.Argument(metavar="IN")]) -> None:
        pass

    with pytest.raises(SystemExit):
        run(app, [str(tmp_path / "a.png")])
    assert capsys.readouterr().err.startswith(f"error: IN: path '{tmp_path}/a.png' is not readable; see ")


def test_a_group_has_a_version_and_shows_its_help_without_a_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    app = command_app(help="Do several things.")

    @app.command()
    def one() -> None:
        raise typer.Exit(3)

    for words, code in (("--version", 0), ("", 2), ("one", 3)):
        with pytest.raises(SystemExit) as exit_:
            run(app, words.split())
        assert exit_.value.code == code
    output = capsys.readouterr()
    assert output.out.split()[-1] == engines.__version__
    assert "Do several things." in output.err


def test_load_engine_names_the_options_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--precision fp16: openvino has auto, int8, bf16, fp32"):
        load_engine("openvino", precision="fp16")
    monkeypatch.setattr(Backend, "missing_packages", lambda backend: ["torch"])
    with pytest.raises(UsageError, match="--backend torch: torch is not installed; type: pip install"):
        load_engine("torch")
    with pytest.raises(UsageError, match="--size 1x1: give WIDTHxHEIGHT"):
        size_option("1x1")


def test_an_older_typer_has_the_errors_of_click(monkeypatch: pytest.MonkeyPatch) -> None:
    click = ModuleType("click")
    click.ClickException = KeyError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "click", click)
    monkeypatch.delattr(typer, "TyperException")
    assert runpy.run_module("engines.commands.running")["TyperException"] is KeyError
