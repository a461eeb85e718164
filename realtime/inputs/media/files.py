"""A video in one file, and what other media have in common with it."""

import os
from collections.abc import Sequence
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from realtime.inputs.containers import decoder_limit, open_container, stated_size, video_stream
from realtime.inputs.pictures import check_pixels


class Media:
    """A video file. Other media are subclasses.

    Attributes:
        path: the file, or what stands for it in messages.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def files(self) -> Sequence[Path]:
        """All files that it consists of."""
        return [self.path]

    def open(self, *, max_pixels: int) -> InputContainer:
        """Open it anew. Raises MediaError as `open_container` does."""
        return open_container(self.path, max_pixels=max_pixels)

    def video(self, container: InputContainer) -> VideoStream:
        """The video stream that is shown. Raises MediaError if there is none."""
        return video_stream(container, self.path)

    def decoder_options(self, max_pixels: int) -> dict[str, str]:
        """Options for the decoder of that stream, whose frames may grow midway."""
        return decoder_limit(max_pixels)

    def check_unknown_size(self, max_pixels: int) -> None:
        """Raise TooManyPixels if its frames are too large, as they may be where FFmpeg tells no size: it forgets that then."""
        check_pixels(self.path, *stated_size(self.path), max_pixels)
