"""PyTorch's compiler with a deadline, and its code in a folder of the project's cache.

A compiler cannot be interrupted, and a thread that is left behind with it may bring down the process at its end. So it runs in
a process of its own first, which can be killed; what is compiled there is taken from the cache here, in seconds.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

import torch
from torch import Tensor

from engines.backends.torch_lane.networks import Step
from engines.geometry import Size
from engines.store.private import check_private, make_private

log = logging.getLogger("engines")

COMPILE_SECONDS = 120.0  # for the three networks of a frame size together
FOLDER_VARIABLES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")  # where PyTorch's compiler and Triton keep their code

REPORT = "compiled: "  # begins the lines of the process that are meant for this one
ROOT = Path(__file__).parents[3]

Outcome = dict[str, str | None]  # why each network could not be compiled, None where it was

_COMPILING = threading.Lock()  # held while a thread compiles: the variables are the process's


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
    """Let PyTorch's compiler read and write a folder, unless the user has named another in TORCHINDUCTOR_CACHE_DIR.

    Raises EngineError if others may write to the folder: the code in it is run.
    """
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    before = {name: os.environ.get(name) for name in FOLDER_VARIABLES}
    if before[FOLDER_VARIABLES[0]] not in (None, default_cache_dir()):
        yield
        return
    try:
        make_private(folder)
        check_private(folder.parent)
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


def compile_apart(names: Iterable[str], seconds: float, size: Size, model: str, device: torch.device, folder: Path) -> Outcome:
    """Compile the networks of a frame size, of these names, in a process of its own, so that the folder has the code.

    Take `seconds` at most.
    """
    if device.type == "cuda" and device.index is None:  # code is for a GPU by its number, too
        device = torch.device("cuda", torch.cuda.current_device())
    settings = {"size": size, "model": model, "device": str(device), "folder": str(folder)}
    command = [sys.executable, "-m", "engines.backends.torch_lane.filling", json.dumps(settings)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # of this project, installed or not
    # Files, not pipes: a compiler's own children may hold these open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        late = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            _kill(process)
            process.wait()
        output.seek(0)
        errors.seek(0)
        reports, lines = (file.read().decode(errors="replace").strip().splitlines() for file in (output, errors))
    ended = f"its compiler ended with {lines[-1][:200] if lines else process.returncode}"
    reason = f"its compiler needs more than {seconds:.0f} s" if late else ended
    reported: Outcome = {}
    for line in reports:
        if line.startswith(REPORT):
            reported |= json.loads(line.removeprefix(REPORT))
    return {name: reported.get(name, reason) for name in names}


def _kill(process: subprocess.Popen[bytes]) -> None:
    # With its children, also where it has ended.
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def compile_all(steps: dict[str, Step], tensors: dict[str, list[Tensor]], folder: Path) -> tuple[dict[str, Step], Outcome]:
    """Compile functions, each for tensors like those of its name: the compiled ones, and what went wrong with the others."""
    done: dict[str, Step] = {}
    outcome: Outcome = {}
    with _COMPILING, code_kept_in(folder):
        for name, step in steps.items():
            try:
                done[name] = compile_step(step, [torch.zeros_like(tensor) for tensor in tensors[name]])
            except Exception as error:  # of the compilers below it, of any kind: the function runs without as well
                outcome[name] = first_line(error)
    return done, outcome


def first_line(error: Exception) -> str:
    """What a compiler's error says, in short."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
