"""`load`: an engine for this machine, and why it is that one."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from engines.arguments import check_whole
from engines.backends import BACKEND_NAMES, BACKENDS, MAX_THREADS
from engines.backends.nvidia import driver_missing, require
from engines.errors import BackendUnavailable
from engines.geometry import BASE, MODELS

if TYPE_CHECKING:
    from engines.engine import Engine

log = logging.getLogger("engines")


class Selection(NamedTuple):
    """A backend, and why it was taken."""

    backend: str
    reason: str


def fastest() -> Selection:
    """The fastest backend that this machine can run."""
    on_gpu = [name for name, backend in BACKENDS.items() if "gpu" in backend.devices]
    on_cpu = next(name for name, backend in BACKENDS.items() if backend.devices == ("cpu",))
    if missing := driver_missing():
        return Selection(on_cpu, f"no GPU backend: {missing}")
    for name in on_gpu:
        if not BACKENDS[name].missing_packages():
            import torch  # which all of them need, and nobody else here

            if not torch.cuda.is_available():
                return Selection(on_cpu, "there is an NVIDIA GPU, but PyTorch sees none; install a CUDA build of it")
            return Selection(name, "there is an NVIDIA GPU")
    simplest = BACKENDS[on_gpu[-1]]
    return Selection(
        on_cpu, f"there is an NVIDIA GPU, but {simplest.missing_packages()[0]} is not installed; {simplest.remedy}"
    )


def load(
    backend: str = "auto",
    *,
    threads: int | None = None,
    precision: str = "auto",
    model: str = BASE,
    at_once: int = 1,
    closer: bool = True,
) -> "Engine":
    """Load the released weights into an engine, or those in the folder that SHM_WEIGHTS named when `engines` was imported.

    `backend` "auto" takes the fastest that this machine can run: "tensorrt", "tensorrt-rtx" or "torch" on an NVIDIA GPU,
    whichever is installed, else "openvino" on the CPU; the logger "engines" reports which and why. A backend asked for by name
    is never replaced by another. Engines for a frame size are built when the first such frame comes, and cached.
    `threads`: of a CPU, None for one per physical core. `precision`: "auto", "fp32", "bf16", "fp16" or "int8". `model`: "base",
    or "large", which sees three times as many pixels when it looks for people: finer mattes, in more than twice the time,
    of people whom the base model sees something of, too: see `engines.confirming`. `at_once`: frames that as many threads of
    the caller may pass to "openvino" at the same time, each on its share of the cores: with 2, a file takes a quarter less
    time, and each frame comes later. Other backends take one at a time. `closer`: where people fill a small part of a frame,
    that part is matted as a frame of its own: see `engines.closer`; not on a GPU.

    Raises ValueError for an unknown backend or model, a number out of range, or a precision that the backend does not have, and
    BackendUnavailable if the backend cannot run on this machine.
    """
    if backend not in BACKEND_NAMES:
        raise ValueError(f"backend {backend!r}: unknown; take one of {', '.join(BACKEND_NAMES)}")
    for name, number in (("threads", 1 if threads is None else threads), ("at_once", at_once)):
        check_whole(name, number, MAX_THREADS)
    if model not in tuple(MODELS):
        raise ValueError(f"model {model!r}: unknown; take one of {', '.join(MODELS)}")
    reason = "asked for"
    device = "auto"  # PyTorch, asked for by name, also takes a CPU
    if backend == "auto":
        backend, reason = fastest()
        device = "cuda"
    entry = BACKENDS[backend]
    if precision not in ("auto", *entry.precisions):
        raise ValueError(f"precision {precision!r}: {backend} has {', '.join(('auto', *entry.precisions))}")
    if entry.devices == ("gpu",):
        require(backend)
    elif missing := entry.missing_packages():
        raise BackendUnavailable(f"{backend}: {missing[0]} is not installed; {entry.remedy}")
    engine: Engine = import_module(entry.module).open_engine(
        backend, device=device, threads=threads, precision=precision, model=model, at_once=at_once
    )
    log.info("%s, %s, model %s, on %s (%s)", engine.name, engine.precision, engine.model, engine.device, reason)
    if closer:
        from engines.closer import look_closer

        return look_closer(engine)
    return engine
