"""Networks compiled by PyTorch for `shm-compile`, for the CUDA GPU of this machine."""

from pathlib import Path

from engines.backends import BACKENDS
from engines.backends.ahead import Refused, Request
from engines.errors import BackendUnavailable, EngineError
from engines.geometry import Size
from engines.store.parity import check_parity, sample_frame

SECONDS = 900.0  # for the three networks of a frame size: nobody waits for a picture


def compile_ahead(request: Request) -> list[Path]:
    """Compile for each frame size, and fill the cache with the code.

    Raises Refused where there is no CUDA GPU or for a precision that is not compiled, BackendUnavailable where PyTorch is not
    installed, and EngineError where a network cannot be compiled or a check fails.
    """
    if missing := BACKENDS["torch"].missing_packages():
        raise BackendUnavailable(f"torch: {missing[0]} is not installed; {BACKENDS['torch'].remedy}")
    import torch

    if not torch.cuda.is_available():
        remedy = "compiles for a CUDA GPU, and PyTorch sees none; on a CPU take the backend openvino"
        raise Refused("backend", request.backend, remedy)
    if request.precision not in ("auto", "fp16"):
        raise Refused("precision", request.precision, "torch runs it uncompiled; take auto or fp16")
    from engines.backends.torch_lane.engine import TorchLaneEngine

    paths = []
    with TorchLaneEngine(model=request.model, cache=request.cache, compile_seconds=SECONDS) as engine:
        for profile in request.profiles:
            size: Size = profile.usual
            with request.progress(str(profile)) as on_progress:
                on_progress("torch", 0)
                engine(sample_frame("real", *size))
                on_progress("torch", 1)
            for name, reason in engine.uncompiled[size].items():
                raise EngineError(f"torch: {name} not compiled for {size}: {reason}; it runs uncompiled, or try again")
            if request.check:
                try:
                    request.report(check_parity(engine, *size, request.model))
                except EngineError:
                    request.cache.discard(engine.key(*size))
                    raise
            paths.append(request.cache.path(engine.key(*size)))
    return paths
