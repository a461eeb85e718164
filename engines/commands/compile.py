"""`shm-compile`: builds the three engines for this machine, or for a GPU elsewhere, into the cache."""

from importlib import import_module
from time import monotonic
from typing import Annotated, Literal

import typer

from engines.backends import BACKENDS
from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Model, Precision, check_precision, size_option, unavailable
from engines.commands.running import UsageError, run
from engines.errors import BackendUnavailable
from engines.geometry import BASE
from engines.graphs.profile import Profile, parse_range
from engines.loading import fastest

SIZES = ("800x800", "1280x720", "1920x1080")
COMPILED = tuple(name for name, backend in BACKENDS.items() if backend.compiles)

app = command_app()


@app.command()
def compile_engines(
    backend: Backend = "auto",
    size: Annotated[
        list[str] | None, typer.Option(metavar="WxH", help="Frame size, may be repeated; by default 800x800, 720p, 1080p.")
    ] = None,
    dynamic: Annotated[
        str | None, typer.Option(metavar="MIN:OPT:MAX", help="One set of engines for a range of sizes (TensorRT).")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="SM", help="Build ahead of time for a GPU generation, with no GPU (tensorrt-rtx).")
    ] = None,
    via: Annotated[
        Literal["onnx", "torch-tensorrt"], typer.Option(help="How TensorRT engines are built: from ONNX, or by torch-tensorrt.")
    ] = "onnx",
    precision: Precision = "auto",
    model: Model = BASE,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with PyTorch in fp32 on sample frames; keep no engine that is off.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the cached engines.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all cached engines.")] = False,
    version: Version = False,
) -> None:
    """Build the three engines ahead of time; otherwise they are built when the first frame of a size comes.

    They go into the user's cache folder, or the one that the variable SHM_CACHE names. Cached engines are not built again.

    \b
    Examples:
      shm-compile --size 1280x720
      shm-compile --backend tensorrt-rtx --target sm89 --size 800x800 --size 1920x1080
      shm-compile --backend tensorrt --dynamic 640x480:1280x720:1920x1080 --check
      shm-compile --list
    """
    if list_ and clear:
        raise UsageError("--list and --clear exclude each other; leave one of them out")
    if dynamic is not None and size:
        raise UsageError("--dynamic and --size exclude each other; leave one of them out")
    if list_ or clear:
        from engines.commands.display import remove_engines, show_engines

        show_engines() if list_ else remove_engines()
        return
    reason = ""
    if backend == "auto":
        backend, reason = fastest()
    check_precision(backend, precision)
    for option, value in {"dynamic": dynamic, "target": target, "via": None if via == "onnx" else via}.items():
        if value and option not in BACKENDS[backend].build_options:
            takers = " or ".join(name for name in COMPILED if option in BACKENDS[name].build_options)
            raise UsageError(f"--{option} {value}: is for TensorRT; leave it out, or name --backend {takers}")
    profiles = _profiles(size, dynamic, model)
    if check and BACKENDS["torch"].missing_packages():
        raise UsageError(f"--check: PyTorch is not installed; {BACKENDS['torch'].remedy}")
    _compile(backend, reason, profiles, target and target.lower(), via, precision, model, check)


def _profiles(size: list[str] | None, dynamic: str | None, model: str) -> list[Profile]:
    if dynamic is None:
        return [Profile.of(*size_option(text), model) for text in dict.fromkeys(size or SIZES)]
    try:
        return [parse_range(dynamic, model)]
    except ValueError as error:
        raise UsageError(f"--dynamic {error}") from error


def _compile(
    backend: str, reason: str, profiles: list[Profile], target: str | None, via: str, precision: str, model: str, check: bool
) -> None:
    from engines.backends.ahead import Refused, Request
    from engines.commands.display import console, progress
    from engines.store.cache import Cache

    def report(line: str) -> None:
        console.print(line, markup=False)

    if reason:
        report(f"--backend {backend}: {reason}")
    request = Request(
        backend=backend,
        profiles=profiles,
        cache=Cache(),
        progress=progress,
        report=report,
        precision=precision,
        model=model,
        target=target,
        via=via,
        check=check,
    )
    began = monotonic()
    try:
        paths = import_module(BACKENDS[backend].compiles).compile_ahead(request)
    except Refused as error:
        raise UsageError(f"--{error}") from error
    except BackendUnavailable as error:
        raise unavailable(backend, error) from error
    for path in paths:
        print(path)
    report(f"three engines for each of {len(profiles)} in {monotonic() - began:.1f} s")


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
