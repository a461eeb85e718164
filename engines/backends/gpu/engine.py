"""What the engines of all GPU backends share: everything but how the networks of a frame size are made."""

from abc import abstractmethod

import torch

from engines.backends.gpu.errors import GuardedFrame, gpu_errors
from engines.backends.gpu.lane import Lane
from engines.backends.gpu.lanes import Lanes
from engines.backends.gpu.streams import Streams
from engines.engine import Frame, Mask, Matte, OverlappingEngine, Profiled


class LaneEngine(OverlappingEngine):
    """The released networks in lanes, one for each frame size. It raises EngineError where the GPU fails."""

    precision = "fp16"
    one_size = True

    def __init__(self, name: str, model: str, streams: Streams) -> None:
        self.name = name
        self.model = model
        self._streams = streams
        self._lanes = Lanes(name, streams, self._lane)

    @abstractmethod
    def _lane(self, height: int, width: int) -> Lane:
        """Make the lane of a frame size."""
        ...

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        return self.submit(frame, mask).matte()

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        """As of every engine, but the three networks are one CUDA graph and have one time, by events on their stream."""
        with gpu_errors(self.name):
            timers = self._streams.device.timer(), self._streams.device.timer()
            matte = self._lanes.submit(frame, mask, timers).matte()
            return Profiled(matte, {"all three": timers[0].elapsed_time(timers[1])})

    def submit(self, frame: Frame, mask: Mask | None = None) -> GuardedFrame:
        with gpu_errors(self.name):
            return GuardedFrame(self._lanes.submit(frame, mask), self.name)

    def close(self) -> None:
        """Release the networks, their buffers and their graphs."""
        with gpu_errors(self.name):
            self._lanes.close()
            if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                torch.cuda.empty_cache()
