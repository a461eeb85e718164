"""Which engine the backend `torch` is: on a CUDA GPU in FP16 that of the lanes, else the reference engine, eager."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.engine import Engine


def open_engine(name: str, *, device: str, threads: int | None, precision: str, model: str, at_once: int) -> "Engine":
    """The engine, for `engines.load`."""
    import torch

    if device != "cpu" and torch.cuda.is_available() and precision in ("auto", "fp16"):
        from engines.backends.torch_lane.engine import TorchLaneEngine  # its cache wants packages that a CPU does without

        return TorchLaneEngine(model=model)
    from engines.backends.torch import TorchEngine

    return TorchEngine(threads=threads, precision=precision, device=device, model=model, confirm=True)
