"""What goes wrong through no fault of the program, and how each command says so."""

import importlib
import sys
from collections.abc import Callable

import typer


class InputError(Exception):
    """Bad input from the user. The message is one line: it names the file or option, and the remedy."""


def run(app: typer.Typer | Callable[[], None]) -> None:
    """Runs a command; an InputError becomes one line on standard error and exit code 2, Ctrl-C exit code 130.

    So does what the system says of a file that a user may have named: too long a name, a loop of links, a disk that fails.
    """
    try:
        app()
    except InputError as error:
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
