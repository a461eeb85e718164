"""The process that compiles the networks of one frame size into the cache, for `compile_apart`.

`python -m engines.backends.torch_lane.filling JSON`. The argument has size (height, width), model, device and folder. For each
network there is a line on standard output: why it could not be compiled, or null.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.backends.gpu.lane import TENSORS, buffer_forms
from engines.backends.torch import confirming_mpn, released_networks
from engines.backends.torch_lane.compiling import REPORT, compile_all
from engines.backends.torch_lane.networks import steps, to_fp16


def examples(height: int, width: int, model: str, device: torch.device) -> dict[str, list[Tensor]]:
    """Tensors of the form of those that a lane binds to each network."""
    forms = buffer_forms(height, width, model)
    return {
        name: [torch.empty(forms[each].shape, dtype=forms[each].dtype, device=device) for each in TENSORS[name]]
        for name in TENSORS
    }


def fill(settings: dict[str, Any]) -> None:
    """Compile, and report each network when it is done."""
    device, (height, width) = torch.device(settings["device"]), settings["size"]
    model: str = settings["model"]
    functions = steps(to_fp16(released_networks(model), device), model, confirming_mpn(model, device))
    tensors = examples(height, width, model, device)
    for name in reversed(functions):  # the largest first: it gains the most
        _, outcome = compile_all({name: functions[name]}, tensors, Path(settings["folder"]))
        print(f"{REPORT}{json.dumps({name: outcome.get(name)})}", flush=True)


if __name__ == "__main__":
    fill(json.loads(sys.argv[1]))
