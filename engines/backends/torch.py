"""The reference engine, in PyTorch, eager: the oracle of the parity tests. On a GPU, `torch_lane` is what is fast."""

import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from engines.backends.gpu.cuda import float32_convolutions
from engines.confirming import can_be_confirmed, keep_confirmed
from engines.engine import Engine, Frame, Mask, Matte, Profiled, check_frame, fit_mask, was_closed
from engines.errors import BackendUnavailable
from engines.focus import take_where_blurred
from engines.geometry import BASE, Size
from engines.graphs.glue import LowResolution, doubtful, predict, refine, shrink, unify, without_doubtful
from engines.networks import MPN, MRN, QUN, Networks
from engines.networks.fold import fold
from engines.tiles import layout
from engines.weights import FOLDER, NETWORKS, SAFETENSORS, verified

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def released_networks(model: str = BASE, folder: Path = FOLDER) -> Networks:
    """The three networks of a released model, in float32, for inference. Raises WeightsError if its files are damaged."""
    dimensions = verified(model, folder)["dimensions"]
    tensors = load_file(folder / model / SAFETENSORS)
    networks = Networks(MPN(**dimensions["mpn"]), QUN(**dimensions["qun"]), MRN(**dimensions["mrn"]))
    for name, network in networks._asdict().items():
        own = {key.removeprefix(f"{name}."): value.float() for key, value in tensors.items() if key.startswith(f"{name}.")}
        fold(network).requires_grad_(False).load_state_dict(own)
    return networks


def confirming_mpn(model: str, device: torch.device, folder: Path = FOLDER) -> MPN | None:
    """MPN of the base model, on a device, in float32, to confirm what a model sees; None where it cannot be."""
    if not can_be_confirmed(model, folder):
        return None
    return released_networks(BASE, folder).mpn.to(memory_format=torch.channels_last).to(device)  # type: ignore[call-overload,no-any-return]


class TorchEngine(Engine):
    """The released networks in PyTorch, on a CPU or a CUDA GPU."""

    name = "torch"

    def __init__(
        self,
        *,
        threads: int | None = None,
        precision: str = "auto",
        device: str = "auto",
        model: str = BASE,
        folder: Path = FOLDER,
        networks: Networks | None = None,
        tiled: bool = False,
        confirm: bool = False,
    ) -> None:
        """`precision`: "fp32", "bf16", "fp16", or "auto": fp16 on CUDA, fp32 on a CPU. `device` "auto": CUDA if there is one.

        `networks`: those of a training, of the size of `model`, in place of the released ones in `folder`.
        `tiled`: where the mask is sure of a tile, alpha is 0 or 1 and the foreground is the frame, as with OpenVINO.
        `confirm`: MPN of the base model sees each frame of another model, too, if it is in `folder`: see `engines.confirming`.

        Raises BackendUnavailable if there is no such device, and WeightsError if the weights are missing or damaged.
        """
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise BackendUnavailable(
                f"device {device}: PyTorch sees no CUDA GPU; take the backend openvino, or install a CUDA build of PyTorch"
            )
        self._device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        cuda = self._device.type == "cuda"
        self.device = torch.cuda.get_device_name(self._device) if cuda else "CPU"
        self.precision = ("fp16" if cuda else "fp32") if precision == "auto" else precision
        if threads:
            torch.set_num_threads(threads)
        self.model = model
        self._tiled = tiled
        self._loaded: Networks | None = networks or released_networks(model, folder)
        self._confirming = confirming_mpn(model, self._device, folder) if confirm else None
        for network in self._networks:
            network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def threads(self) -> int:
        """The number of threads of an inference."""
        return torch.get_num_threads()

    @property
    def _networks(self) -> Networks:
        if self._loaded is None:
            raise was_closed(self.name)
        return self._loaded

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    @torch.inference_mode()
    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        check_frame(frame)
        dtype = PRECISIONS[self.precision]
        half = dtype != torch.float32
        with float32_convolutions(self._device), torch.autocast(self._device.type, dtype, enabled=half):
            start = self._now()
            pixels = torch.from_numpy(frame).to(self._device)
            low = shrink(pixels, self.model)
            image, doubled = low
            if mask is None:
                coarse = self._confirmed(predict(self._networks.mpn, doubled, self.model), low)
            else:
                coarse = torch.from_numpy(fit_mask(mask, Size(*image.shape[-2:]))).to(self._device)
            predicted = self._now()
            unified = unify(self._networks.qun, image, coarse)
            unified_at = self._now()
            alpha, foreground = refine(self._networks.mrn, pixels, doubled, unified)
            matte = Matte(
                alpha=alpha.float().cpu().numpy(),
                foreground=foreground.contiguous().cpu().numpy(),
                coarse=coarse.float().cpu().numpy(),
                unified=unified.float().cpu().numpy(),
            )
            if self._tiled:
                layout(*frame.shape[:2]).settle(frame, matte.unified, matte.alpha, matte.foreground)
            end = self._now()
        times = np.diff([start, predicted, unified_at, end]) * 1e3
        return Profiled(matte, dict(zip(NETWORKS, times.tolist(), strict=True)))

    def _confirmed(self, coarse: Tensor, low: LowResolution) -> Tensor:
        confirming = self._confirming
        if confirming is None:
            return coarse
        mask, image = coarse.float().cpu().numpy(), low.image[0].float().cpu().numpy()
        other = cache(lambda: doubtful(confirming, low.doubled))
        take_where_blurred(mask, image, lambda: without_doubtful(other()[None, None])[0, 0].float().cpu().numpy())
        keep_confirmed(mask, lambda: other().float().cpu().numpy())
        return torch.from_numpy(mask).to(coarse)

    def close(self) -> None:
        """Release the networks."""
        self._loaded = None
