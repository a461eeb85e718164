"""How every command ends: its exit code, and the one line that says what went wrong."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from engines.commands.signals import stop_on_signals
from engines.errors import MattingError

if TYPE_CHECKING:
    from typer import TyperException
else:  # a GPU machine may have a typer from before it had errors of its own
    TyperException = getattr(typer, "TyperException", None) or import_module("click").ClickException


INTERRUPTED = 130  # exit code after Ctrl-C
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # numbers of errors of a full disk; most name no file


class UsageError(MattingError):
    """Options or arguments of a command that are wrong or do not go together. The message names them, and the remedy."""


def run(app: typer.Typer | Callable[[], Any], arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit. Errors become one line and exit code 2; Ctrl-C exits with 130, SIGTERM with 143.

    Errors are wrong options, a MattingError, a full disk, and an error of the operating system about a file that the user may
    have named: too long a name, a loop of links. Where the reader of standard output has ended, so does the command, with exit
    code 1 and no line. `arguments`: those of the process by default.
    """
    fill_standard_streams()
    try:
        with stop_on_signals():
            refuse_empty(sys.argv[1:] if arguments is None else arguments)
            code = app(arguments, standalone_mode=False) if isinstance(app, typer.Typer) else app()
        if code == INTERRUPTED:  # typer makes this of Ctrl-C
            raise KeyboardInterrupt
        if sys.stdout is not None:
            sys.stdout.flush()  # as long as an error can be told
    except TyperException as error:
        _fail(error)
    except MattingError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        _drop_standard_output()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None:
            print(f"error: {printable(str(error.filename))}: {error.strerror}; name another file", file=sys.stderr)
        elif error.errno in NO_ROOM:
            _drop_standard_output()
            reason = f"({error.strerror}); make room on its disk"
            print(f"error: a file or standard output cannot be written {reason}", file=sys.stderr)
        else:
            raise
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def refuse_empty(words: Sequence[str]) -> None:
    """Raise UsageError for an empty word that is no value of an option: as a path it would be the current folder."""
    for before, word in pairwise(["", *words]):
        if not word and not before.startswith("-"):
            place = f"the one behind {before}" if before else "the first one"
            raise UsageError(f"an argument is empty, {place}; is a variable of the shell not set?")


def printable(text: str) -> str:
    """A text with line breaks and control characters, which names of files may have, written as escapes: one line."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def fill_standard_streams() -> None:
    """Open the null device where a standard stream was closed: else the next file opened would get what libraries print."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for as long as the process lasts)


def _drop_standard_output() -> None:
    """Write what waits for standard output nowhere: at its end Python would report once more that it cannot be written."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _fail(error: TyperException) -> NoReturn:
    context = getattr(error, "ctx", None)
    if context is not None and error.format_message() == context.get_help():  # a group without a subcommand
        print(error.format_message(), file=sys.stderr)
    else:
        command = Path(sys.argv[0]).name if context is None else context.command_path
        print(f"error: {printable(_one_line(error))}; see {command} --help", file=sys.stderr)
    sys.exit(2)


def _one_line(error: TyperException) -> str:
    parameter = getattr(error, "param", None)
    if isinstance(error, typer.BadParameter) and parameter is not None and error.message:
        is_option = parameter.param_type_name == "option"
        name = max(parameter.opts, key=len) if is_option else parameter.display_name_raw
        value = _refused_value(error)
        reason = error.message.removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
        reason = reason.removeprefix(f"{value!r} ")  # it is named before
        return " ".join(f"{f'{name} {value}'.strip()}: {reason}".split())
    context = getattr(error, "ctx", None)
    if getattr(parameter, "nargs", 1) == -1 and context is not None:  # where one value is given, the last argument takes it
        names = [each.display_name_raw for each in context.command.params if each.param_type_name == "argument"]
        if len(names) > 1:
            return f"missing argument: {' and '.join(names)} are needed"
    message = " ".join(error.format_message().split()).rstrip(".")
    return message[:1].lower() + message[1:] + _if_file(getattr(error, "option_name", None))


def _if_file(option: str | None) -> str:
    """How to write a file whose name was taken for an option that there is not: its first letter is all that is reported."""
    if option is not None and not option.startswith("--"):
        for word in sys.argv[1:]:
            if word.startswith(option) and Path(word).suffix:
                return f"; if {word} is a file, write ./{word}"
    return ""


def _refused_value(error: TyperException) -> object:
    details = getattr(error.__cause__, "errors", None)  # of pydantic, by which typer checks values
    value = details()[0].get("input", "") if callable(details) else ""
    return value if isinstance(value, str | int | float) else ""


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn a failed import inside the block into one line that says which extra to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] in ("engines", "realtime", "train", "benchmarks"):
            raise
        remedy = f"type: pip install 'semantic-human-matting[{extra}]'"
        raise UsageError(f"{error.name} is not installed; {remedy}") from error
