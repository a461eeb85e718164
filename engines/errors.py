"""What can go wrong through no fault of the program.

Every message is one line: what is wrong; what to do about it. A wrong argument is a `ValueError`.
"""


class MattingError(Exception):
    """The root of the family: catch it to catch them all."""


class BackendUnavailable(MattingError):
    """A backend that this machine cannot run: no driver, no device, or a package that is not installed."""


class WeightsError(MattingError):
    """Weights or graphs that are missing, damaged or of another network."""


class EngineError(MattingError):
    """An engine that cannot be built or kept, or whose results are off."""


class MediaError(MattingError):
    """A picture, video, camera, stream or display that cannot be opened, read or written."""


class DataError(MattingError):
    """Data, recipes or checkpoints that cannot be used for training or evaluation."""
