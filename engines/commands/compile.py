"""`shm-compile`: builds the three engines for this machine, or for a GPU elsewhere, and keeps them in the cache."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from engines.backends import BACKENDS, nvidia
from engines.commands.options import Model, check_precision, size_option
from engines.commands.running import UsageError, run
from engines.geometry import BASE
from engines.graphs.profile import Profile, parse_range
from engines.loading import check_model, fastest
from engines.store.cache import Cache, Engines, Entry
from engines.store.keys import model_of
from engines.store.parity import MatteOf, check_parity
from engines.weights import NETWORKS

SIZES = ("800x800", "1280x720", "1920x1080")
TENSORRT = ("tensorrt", "tensorrt-rtx")

Via = Literal["onnx", "torch-tensorrt"]
Told = Callable[[str, float], None]

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def compile_engines(
    backend: Annotated[str, typer.Option(help="tensorrt, tensorrt-rtx, openvino, or auto: what this machine runs.")] = "auto",
    size: Annotated[
        list[str] | None, typer.Option(metavar="WxH", help="Frame size, may be given again; else 800x800, 720p, 1080p.")
    ] = None,
    dynamic: Annotated[
        str | None, typer.Option(metavar="MIN:OPT:MAX", help="One set of engines for a range of sizes (TensorRT).")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="SM", help="Build ahead of time for a GPU generation, with no GPU (tensorrt-rtx).")
    ] = None,
    via: Annotated[Via, typer.Option(help="What makes TensorRT engines: its ONNX parser, or torch-tensorrt.")] = "onnx",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    model: Model = BASE,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with PyTorch in fp32 on sample frames; keep no engine that is off.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the engines that are there.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Remove them all.")] = False,
) -> None:
    """Build the three engines ahead of time; without this they are built when the first frame of a size comes.

    They go into the user's cache folder, or the one that the variable SHM_CACHE names. What is there is not built again.

    [bold]Examples[/bold]

      shm-compile --size 1280x720

      shm-compile --backend tensorrt-rtx --target sm89 --size 800x800 --size 1920x1080

      shm-compile --backend tensorrt --dynamic 640x480:1280x720:1920x1080 --check

      shm-compile --list
    """
    cache = Cache()
    if list_ or clear:
        if list_ and clear:
            raise UsageError("--list and --clear exclude each other; leave one of them out")
        show(cache) if list_ else remove(cache)
        return
    if backend == "auto":
        backend, why = fastest()
        if backend == "torch":
            raise UsageError(
                f"PyTorch runs without building; for TensorRT {BACKENDS['tensorrt'].remedy}; or name --backend openvino"
            )
        console.print(f"--backend {backend}: {why}", markup=False)
    if backend not in ("openvino", *TENSORRT):
        raise UsageError(f"--backend {backend}: builds nothing; take one of auto, openvino, {', '.join(TENSORRT)}")
    check_precision(backend, precision)
    if dynamic is not None and size:
        raise UsageError("--dynamic and --size exclude each other; leave one of them out")
    check_model(model)
    sizes = dict.fromkeys(size or SIZES)
    profiles = [parse_range(dynamic, model)] if dynamic else [Profile.of(*size_option(text), model) for text in sizes]
    if check and BACKENDS["torch"].missing_packages():
        raise UsageError(f"--check: PyTorch is not installed; {BACKENDS['torch'].remedy}")
    began = monotonic()
    if backend == "openvino":
        for option, given in (("--dynamic", dynamic), ("--target", target), ("--via", None if via == "onnx" else via)):
            if given:
                raise UsageError(f"{option} {given}: is for TensorRT; leave it out, or name --backend tensorrt or tensorrt-rtx")
        paths = compile_openvino(cache, profiles, precision, model, check)
    else:
        paths = compile_tensorrt(cache, backend, profiles, target, via, check)
    for path in paths:
        print(path)
    console.print(f"three engines for each of {len(profiles)} in {monotonic() - began:.1f} s", markup=False)


def compile_openvino(cache: Cache, profiles: list[Profile], precision: str, model: str, check: bool) -> list[Path]:
    """Compiles for this CPU; gives the files. Raises UsageError where the check fails or a file cannot be written."""
    from engines.backends.openvino import OpenVINOEngine

    paths = []
    with closing(OpenVINOEngine(precision=precision, model=model, cache=cache)) as engine:
        for profile in profiles:
            height, width = profile.usual

            def compare(matte_of: MatteOf, size: tuple[int, int] = profile.usual) -> None:
                console.print(check_parity(matte_of, *size, model), markup=False)

            with progress(str(profile)) as advance:
                advance("openvino", 0)
                engine.prepare(height, width, check=compare if check else None, must_keep=True)
                advance("openvino", 1)
            paths.append(cache.path(engine.key(height, width)))
    return paths


def compile_tensorrt(
    cache: Cache, backend: str, profiles: list[Profile], target: str | None, via: Via, check: bool
) -> list[Path]:
    """Builds for this GPU, or ahead of time; gives the files. Raises UsageError where something is missing or refused."""
    from engines.backends.tensorrt.build import check_target, package, targets
    from engines.backends.tensorrt.compile import build_for, compiler, engines_for
    from engines.store.keys import tensorrt_key

    if target is None and backend == "tensorrt":
        nvidia.require(backend)
    trt = package(backend)
    if target is not None:
        target = target.lower()
        check_target(trt, target)
        if via != "onnx":
            raise UsageError(f"--via {via}: builds for the GPU of this machine; leave out --target {target}")
        if check:
            here = nvidia.driver_missing() or "its GPU may be of another generation"
            console.print(f"--check: not done. An engine for {target} cannot be run here: {here}.", markup=False)
        device, can_run = target, False
    else:
        if nvidia.driver_missing() and targets(trt):
            choice = f"name a GPU generation: --target {', '.join(targets(trt))}"
            raise UsageError(f"--backend {backend}: {nvidia.driver_missing()} here; {choice}")
        nvidia.require(backend)
        from engines.backends.tensorrt.engine import device_name

        device, can_run = device_name(backend), True
    build = build_for(via, trt, target)
    paths = []
    for profile in profiles:
        with progress(str(profile)) as advance:

            def compare(engines: Engines, profile: Profile = profile) -> None:
                from engines.backends.tensorrt.engine import trial

                with trial(backend, engines, profile) as matte_of:
                    console.print(check_parity(matte_of, *profile.usual, profile.model), markup=False)

            path = cache.path(tensorrt_key(backend, profile, device=device, compiler=compiler(trt)))
            if via != "onnx":  # the key does not tell the two ways apart: either may be loaded
                path.unlink(missing_ok=True)
            engines_for(
                trt,
                backend,
                profile,
                device=device,
                build=build,
                cache=cache,
                told=advance,
                check=compare if check and can_run else None,
                must_keep=True,
            )
            paths.append(path)
    return paths


@contextmanager
def progress(label: str) -> Iterator[Told]:
    """A bar on standard error, while this lasts. The function it gives takes what is being built and the share that is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda name, share: bar.update(task, description=f"{label} {name}", completed=share)


def show(cache: Cache) -> None:
    """A table of what is in the cache."""
    entries = cache.entries()
    if not entries:
        print(f"no engines in {cache.folder}")
        return
    table = Table(title=str(cache.folder), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in (
        "backend",
        "for",
        "frames",
        "precision",
        "model",
        "built by",
        *(f"{name}, MB" for name in NETWORKS),
        "state",
    ):
        table.add_column(heading, justify="right" if heading.endswith("MB") else "left", overflow="fold")
    for entry in entries:
        table.add_row(*cells(entry))
    Console(width=max(120, Console().width)).print(table)


def cells(entry: Entry) -> list[str]:
    """A row of the table."""
    if entry.key is None:
        return [entry.path.parent.name, entry.path.name, *[""] * 7, f"damaged: {entry.damage}"]
    key = entry.key
    sizes = [f"{entry.lengths[name] / 1e6:.1f}" if name in entry.lengths else "" for name in NETWORKS]
    if key.shapes == "timing":
        return [key.backend, key.device, key.shapes, key.precision, "", key.compiler, *sizes, ""]
    model = model_of(key)
    return [
        key.backend,
        key.device,
        key.shapes,
        key.precision,
        model or "",
        key.compiler,
        *sizes,
        "ready" if model else "stale",
    ]


def remove(cache: Cache) -> None:
    """Removes every engine."""
    removed = cache.clear()
    print(f"removed {len(removed)} files from {cache.folder}" if removed else f"no engines in {cache.folder}")


def main() -> None:
    """The command `shm-compile`."""
    run(app)


if __name__ == "__main__":
    main()
