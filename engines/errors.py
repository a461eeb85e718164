"""Errors that are not bugs of the program that uses this package.

Every message is one line: what is wrong; what to do about it. A wrong argument is a `ValueError`.
"""


class MattingError(Exception):
    """The base class of the others."""


class BackendUnavailable(MattingError):
    """A backend that cannot run on this machine: no driver, no device, or a package that is not installed."""


class WeightsError(MattingError):
    """Weights or graphs that are missing, damaged, or belong to another network."""


class EngineError(MattingError):
    """An engine that cannot be built or cached, or whose results are off."""


class MediaError(MattingError):
    """A picture, video, camera, stream or display that cannot be opened, read or written."""


class FileAppeared(MattingError):
    """A file where another was to be written, which is not replaced. The message says where that one is, if it is complete."""


class TooManyPixels(MediaError):
    """A picture or video that is larger than the limit. `megapixels` is the limit that would let it pass."""

    def __init__(self, message: str, megapixels: int) -> None:
        super().__init__(message)
        self.megapixels = megapixels

    def __reduce__(self) -> tuple[type, tuple[str, int]]:
        return type(self), (str(self), self.megapixels)  # it may cross processes


class OtherSegments(MediaError):
    """Segments of a video that lie where those of this run would, and are of another run."""


class DataError(MattingError):
    """Data, recipes or checkpoints that cannot be used for training or evaluation."""
