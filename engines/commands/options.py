"""The options that several commands share, each with one name, short form and help text."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engines.backends import BACKEND_NAMES, BACKENDS, MAX_THREADS, PRECISIONS
from engines.commands.app import Version
from engines.commands.running import UsageError
from engines.errors import BackendUnavailable
from engines.geometry import BASE, MODELS, Size, parse_size

if TYPE_CHECKING:
    from engines.engine import Engine

    BackendChoice = str
    PrecisionChoice = str
    ModelChoice = str
else:  # the choices that --help shows and typer checks, made from the tables
    BackendChoice, PrecisionChoice, ModelChoice = Literal[BACKEND_NAMES], Literal[PRECISIONS], Literal[tuple(MODELS)]


Backend = Annotated[BackendChoice, typer.Option(help="What runs the networks; auto: the fastest that this machine has.")]
Threads = Annotated[int | None, typer.Option(min=1, max=MAX_THREADS, help="CPU threads; by default one per physical core.")]
Model = Annotated[ModelChoice, typer.Option(help="base, or large: finer mattes, in over twice the time.")]
Closer = Annotated[
    bool,
    typer.Option(
        "--closer/--no-closer", help="Look at people who are small in the frame from nearer: finer, in more time; on a CPU."
    ),
]
Precision = Annotated[PrecisionChoice, typer.Option(help="Number format; auto: the fastest that is accurate on this device.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", "-y", help="Replace files that exist.")]

__all__ = ["Backend", "Closer", "Model", "Overwrite", "Precision", "Threads", "Version", "load_engine", "size_option"]


def check_precision(backend: str, precision: str) -> None:
    """Raise UsageError where a backend does not have a precision."""
    if backend != "auto" and precision not in ("auto", *BACKENDS[backend].precisions):
        offered = ", ".join(("auto", *BACKENDS[backend].precisions))
        raise UsageError(f"--precision {precision}: {backend} has {offered}")


def unavailable(backend: str, error: BackendUnavailable) -> UsageError:
    """The error of a backend that was asked for by an option."""
    return UsageError(f"--backend {error}" if str(error).startswith(backend) else f"--backend {backend}: {error}")


def load_engine(
    backend: str = "auto",
    *,
    threads: int | None = None,
    precision: str = "auto",
    model: str = BASE,
    at_once: int = 1,
    closer: bool = True,
) -> "Engine":
    """`engines.load` for a command: what is wrong with its options is a UsageError that names them."""
    check_precision(backend, precision)
    import engines

    try:
        return engines.load(backend, threads=threads, precision=precision, model=model, at_once=at_once, closer=closer)
    except BackendUnavailable as error:
        raise unavailable(backend, error) from error
    except ValueError as error:  # backend "auto" and a precision that the one it took does not have
        raise UsageError(f"--precision {precision}: {error}") from error


def size_option(text: str, option: str = "--size") -> Size:
    """Parse the value of an option. Raise UsageError that names the option where it is not a size."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"{option} {error}") from error
