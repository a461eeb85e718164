"""The three networks as functions between the buffers of a lane: glue, network and casts in one, to be compiled as one.

The precision is that of the FP16 graphs (`graphs/fp16.py`): QUN and MRN are float16 from the frame's pixels to alpha and
foreground. MPN, with its glue, is float32 inside, and its convolutions are not rounded to TensorFloat-32 either (see
`float32_convolutions`): only what it hands on is float16.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from engines.backends.gpu.confirming import keep_confirmed
from engines.backends.gpu.focus import take_where_blurred
from engines.confirming import CONFIRMING
from engines.geometry import BASE
from engines.graphs.glue import doubtful, predict, refine, shrink, unify, without_doubtful
from engines.networks import MPN, MRN, QUN, Networks

Step = Callable[..., None]  # takes the tensors of a network, inputs then outputs, and writes the outputs


def to_fp16(networks: Networks, device: torch.device) -> Networks:
    """Convert folded networks in place: to the precision above, channels last, on a device."""
    networks.qun.half()
    networks.mrn.half()
    for network in networks:  # converted before they are moved: so nothing is left to do on a stream of the device
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.to(device)
    return networks


def mpn_step(mpn: MPN, model: str = BASE) -> Step:
    """frame -> doubled, image, coarse."""

    def run(frame: Tensor, doubled: Tensor, image: Tensor, coarse: Tensor) -> None:
        low = shrink(frame, model)
        doubled.copy_(low.doubled)
        image.copy_(low.image)
        coarse.copy_(predict(mpn, low.doubled, model))

    return run


def confirming_step(mpn: MPN, model: str) -> Step:
    """frame, coarse -> coarse of a model, by what the base model's MPN sees (see `engines.confirming`, `engines.focus`).

    It sees the frame in float32, as the other MPN does.
    """

    def run(frame: Tensor, coarse: Tensor) -> None:
        low = shrink(frame, model)
        other = doubtful(mpn, low.doubled)
        take_where_blurred(coarse, low.image, without_doubtful(other[None, None])[0, 0])
        keep_confirmed(coarse, other)

    return run


def qun_step(qun: QUN) -> Step:
    """image, coarse -> unified."""

    def run(image: Tensor, coarse: Tensor, unified: Tensor) -> None:
        unified.copy_(unify(qun, image, coarse))

    return run


def mrn_step(mrn: MRN) -> Step:
    """frame, doubled, unified -> alpha, foreground."""

    def run(frame: Tensor, doubled: Tensor, unified: Tensor, alpha: Tensor, foreground: Tensor) -> None:
        matte, colours = refine(mrn, frame, doubled, unified, torch.float16)
        alpha.copy_(matte)
        foreground.copy_(colours)

    return run


def steps(networks: Networks, model: str = BASE, confirming: MPN | None = None) -> dict[str, Step]:
    """The function of each network, by its name, in their order. `confirming`: the base model's MPN, beside another model."""
    confirm = {} if confirming is None else {CONFIRMING: confirming_step(confirming, model)}
    return {"mpn": mpn_step(networks.mpn, model), **confirm, "qun": qun_step(networks.qun), "mrn": mrn_step(networks.mrn)}
