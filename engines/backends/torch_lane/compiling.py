"""PyTorch's compiler with a deadline, and its code in a folder of the project's cache.

A compiler cannot be interrupted: where it takes too long it goes on in its own thread, on tensors of its own, so that its code
is in the cache at the next start.
"""

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import NamedTuple

import torch
from torch import Tensor

from engines.backends.torch_lane.networks import Step

log = logging.getLogger("engines")

COMPILE_SECONDS = 120.0  # for the three networks of a frame size together
FOLDER_VARIABLES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")  # where PyTorch's compiler and Triton keep their code

_COMPILING = threading.Lock()  # held while a thread compiles: the variables are the process's


class Compiled(NamedTuple):
    """Compiled functions by name, and why each of the others is not among them."""

    steps: dict[str, Step]
    failed: dict[str, str]


def compiler_missing() -> str:
    """Why PyTorch cannot compile for a GPU on this machine, or an empty string."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    # Triton compiles its launchers with a C compiler; on Windows it brings one.
    if os.name != "nt" and not os.environ.get("CC") and not any(shutil.which(name) for name in ("gcc", "clang", "cc")):
        return "there is no C compiler"
    return ""


@contextmanager
def code_kept_in(folder: Path) -> Iterator[None]:
    """Let PyTorch's compiler read and write a folder, unless the user has named another in TORCHINDUCTOR_CACHE_DIR."""
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    before = {name: os.environ.get(name) for name in FOLDER_VARIABLES}
    if before[FOLDER_VARIABLES[0]] not in (None, default_cache_dir()):
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning("%s: cannot be written (%s); compiled code is not kept", folder, error.strerror)
        yield
        return
    os.environ |= {FOLDER_VARIABLES[0]: str(folder), FOLDER_VARIABLES[1]: str(folder / "triton")}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def own_code(step: FunctionType) -> FunctionType:
    """A copy of a function with a code object of its own.

    PyTorch counts compilations by code object, and gives up at the eighth; each frame size is one.
    """
    copy = FunctionType(step.__code__.replace(), step.__globals__, step.__name__, step.__defaults__, step.__closure__)
    copy.__kwdefaults__ = step.__kwdefaults__
    return copy


def compile_step(step: Step, tensors: list[Tensor]) -> Step:
    """Compile a function for tensors of the form of these, and run it once on them.

    Without the compiler's own CUDA graphs: the lane captures all three networks in one.
    """
    assert isinstance(step, FunctionType)
    compiled: Step = torch.compile(own_code(step), fullgraph=True, dynamic=False, options={"triton.cudagraphs": False})
    on_gpu = tensors[0].is_cuda
    stream = torch.cuda.Stream(tensors[0].device) if on_gpu else None  # type: ignore[no-untyped-call]
    with torch.no_grad(), torch.cuda.stream(stream) if stream else nullcontext():
        compiled(*tensors)
    if stream is not None:
        stream.synchronize()
    return compiled


def compile_within(seconds: float, steps: dict[str, Step], tensors: dict[str, list[Tensor]], folder: Path) -> Compiled:
    """Compile functions, each for tensors like those of its name, which are not written to. Take `seconds` at most."""
    done: dict[str, Step] = {}
    failed: dict[str, str] = {}

    def work() -> None:
        with _COMPILING, code_kept_in(folder):
            for name, step in steps.items():
                try:
                    done[name] = compile_step(step, [torch.zeros_like(tensor) for tensor in tensors[name]])
                except Exception as error:  # of the compilers below it, of any kind: the function runs without as well
                    failed[name] = first_line(error)

    thread = threading.Thread(target=work, name="compiling", daemon=True)
    thread.start()
    thread.join(seconds)
    ready, reasons = dict(done), dict(failed)  # the thread may be adding to its own
    late = f"its compiler needs more than {seconds:.0f} s; it goes on, for the next start"
    return Compiled(ready, {name: reasons.get(name, late) for name in steps if name not in ready})


def first_line(error: Exception) -> str:
    """What a compiler's error says, in short."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
