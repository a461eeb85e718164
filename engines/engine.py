"""The contract of an engine: one call from a frame to its matte, the same for every backend."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.geometry import SMALLEST

Frame = NDArray[np.uint8]
Mask = NDArray[np.float32]

ROUNDING = 1e-3  # by which the values of a mask that was resized or moved may leave its range


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no one answer to ==
class Matte:
    """What the three networks make of one frame of height H and width W.

    alpha       float32 (H, W) in [0, 1]
    foreground  uint8 (H, W, 3) RGB: F of I = aF + (1-a)B (equation 1), defined where alpha > 0
    coarse      float32 (h, w) in [0, 1]: MPN's foreground mask, 0 far from what it is sure of, or the mask that was given
    unified     float32 (h, w) in [0, 1]: QUN's mask
    """

    alpha: Mask
    foreground: Frame
    coarse: Mask
    unified: Mask


class Profiled(NamedTuple):
    """A matte, and the milliseconds of each network: "mpn", "qun", "mrn", or of all three where they run as a whole."""

    matte: Matte
    ms: dict[str, float]


class Engine(Protocol):
    """The three networks, ready on one device. It keeps no state between frames: one engine may serve several streams.

    A context manager: `with engines.load() as engine:` closes it at the end. Backends inherit this from the protocol.
    """

    name: str  # of the backend: "openvino", "torch", ...
    device: str  # as its maker names it: "AMD EPYC", "NVIDIA H100", ...
    precision: str  # "int8", "bf16", "fp32", "fp16"
    model: str  # "base" or "large"
    at_once: int = 1  # calls from as many threads run in parallel; others wait
    one_size: bool = False  # as on a GPU, where each size of a frame needs buffers, or an engine, of its own

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        """The matte of a frame: uint8 RGB (H, W, 3), C-contiguous, H and W at least 32.

        With `mask`, float32 (h, w) in [0, 1] of the same field of view, MPN is skipped (section 6 of the paper).
        The arrays returned belong to the caller. Raises ValueError for a frame or a mask of another form.
        """
        return self.profile(frame, mask).matte

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        """The matte of a frame, and the milliseconds that each network took."""
        ...

    def coarse(self, frame: Frame) -> Mask:
        """MPN's foreground mask of a frame, float32 (h, w) in [0, 1], alone."""
        return self(frame).coarse

    def close(self) -> None:
        """Release the networks and their buffers. Closing it again does nothing; a call raises EngineError from then on."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Pending(Protocol):
    """A frame in flight: its matte or its picture is taken, one of them, once, from any thread.

    Until then it holds buffers of the engine. They are also released when it is garbage-collected.
    """

    def wait(self) -> None:
        """Wait until the networks are done with the frame, so that the next one submitted starts at once."""
        ...

    def matte(self) -> Matte:
        """The same matte that calling the engine returns. Raises ValueError if the result was taken already."""
        ...

    def composite(self, background: Frame) -> Frame:
        """The frame's foreground on a background, equation 1, computed on the engine's device, where the matte stays.

        `background` is uint8 RGB (H, W, 3) of the frame's size. A read-only array is assumed not to change: passed again, it is
        not uploaded again. The picture is uint8 RGB (H, W, 3), within one level of the exact formula, and belongs to the
        caller. Raises ValueError for another form, and as `matte` does.
        """
        ...


@runtime_checkable
class OverlappingEngine(Engine, Protocol):
    """An engine that uploads one frame and downloads another while it computes a third.

    `engine(frame)` is `engine.submit(frame).matte()`. To overlap, one thread submits and another takes results, in order.
    """

    def submit(self, frame: Frame, mask: Mask | None = None) -> Pending:
        """Start a frame; its array may be overwritten afterwards. Arguments and errors are those of calling the engine.

        Blocks while the device has one frame in the networks and another one ready, but never for results not yet taken.
        """
        ...


def was_closed(name: str) -> EngineError:
    """The error of a backend's engine that is called after `close`."""
    return EngineError(f"{name}: the engine was closed; load another")


def check_frame(frame: Frame) -> None:
    """Raise ValueError unless the frame is uint8 RGB (H, W, 3), C-contiguous, with H and W at least SMALLEST."""
    if not isinstance(frame, np.ndarray):
        raise ValueError(f"a frame is a NumPy array, uint8 (H, W, 3), not {kind_of(frame)}; numpy.array makes one of a picture")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"a frame is uint8 (H, W, 3), not {frame.dtype} {frame.shape}")
    if min(frame.shape[:2]) < SMALLEST:
        raise ValueError(f"a frame is at least {SMALLEST} pixels wide and high, not {frame.shape[1]}x{frame.shape[0]}")
    if not frame.flags.c_contiguous:
        raise ValueError("a frame is C-contiguous; numpy.ascontiguousarray makes it so")


def fit_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Resize a given mask, float32 (h, w) in [0, 1], to `size` (height, width). Raises ValueError for another form or range."""
    if not isinstance(mask, np.ndarray):
        raise ValueError(f"a mask is a NumPy array, float32 (h, w), not {kind_of(mask)}")
    if mask.dtype != np.float32 or mask.ndim != 2 or not mask.size:
        raise ValueError(f"a mask is float32 (h, w), not {mask.dtype} {mask.shape}")
    if beyond := range_beyond(mask):
        raise ValueError(f"a mask is from 0 (background) to 1 (person), not {beyond}; divide one of 8 bits by 255")
    smaller = mask.shape[0] > size[0]
    resized = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(np.clip(resized, 0, 1), np.float32)


def range_beyond(values: Mask) -> str | None:
    """The range of values that do not lie in [0, 1], but for rounding, "from -1 to 255"; None of those that do."""
    low, high = float(values.min()), float(values.max())
    return None if low >= -ROUNDING and high <= 1 + ROUNDING else f"from {low:g} to {high:g}"  # not a number is neither


def kind_of(thing: object) -> str:
    """The type of a thing, for messages: numpy.ndarray, or list."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}".removeprefix("builtins.")
