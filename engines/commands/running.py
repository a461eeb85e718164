"""How every command ends: its exit code, and the one line that says what went wrong."""

import importlib
import sys
from collections.abc import Callable

import typer

from engines.errors import MattingError


class UsageError(MattingError):
    """Options or arguments of a command that do not go together. The message names them, and the remedy."""


def run(app: typer.Typer | Callable[[], None]) -> None:
    """Runs a command. A MattingError becomes one line on standard error and exit code 2; Ctrl-C exits with 130.

    So does an error of the operating system about a file that the user may have named: too long a name, a loop of links.
    """
    try:
        app()
    except MattingError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}; name another file", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def start(module: str, extra: str) -> None:
    """Runs the `main` of a module that needs packages of an extra; if one is missing, says in one line what to install."""
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed; type: pip install 'semantic-human-matting[{extra}]'", file=sys.stderr)
        sys.exit(2)
    main()
