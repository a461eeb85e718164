"""A video in one file, and what other media have in common with it."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from realtime.choices import MAX_PIXELS
from realtime.inputs.containers import decoder_limit, open_container, video_stream
from realtime.inputs.formats import whole_fragments
from realtime.inputs.pictures import check_pixels
from realtime.paths import named


class Media:
    """A video file. Other media are subclasses.

    Attributes:
        path: the file, or what stands for it in messages.
    """

    seekable = True  # and so it is known how long it is

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = named(path)

    @property
    def files(self) -> Sequence[Path]:
        """All files that it consists of."""
        return [self.path]

    def open(self, *, max_pixels: int | None = MAX_PIXELS) -> InputContainer:
        """Open it anew. Raises MediaError as `open_container` does."""
        return open_container(self.path, max_pixels=max_pixels)

    def begin(self) -> None:
        """Take note that frames are taken from now on."""

    def close(self, container: InputContainer) -> None:
        """Close what was opened."""
        container.close()

    def release(self) -> None:
        """Stop waiting for what has not come yet."""

    def check(self) -> None:
        """Raise MediaError if it ended for a reason that its reader could not tell."""

    def video(self, container: InputContainer) -> VideoStream:
        """The video stream that is shown. Raises MediaError if there is none."""
        return video_stream(container, self.path)

    def decoder_options(self, max_pixels: int) -> dict[str, str]:
        """Options for the decoder of that stream, whose frames may grow midway."""
        return decoder_limit(max_pixels)

    def shortfall(self, last: Fraction) -> str | None:
        """After the last frame, at that time, a line that says so if there should be more, where FFmpeg cannot know."""
        if whole_fragments(self.path) is None:
            return None
        return f"{self.path}: was cut off after {float(last):.2f} s; the rest is missing"

    def check_size(self, stream: VideoStream, max_pixels: int) -> None:
        """Raise TooManyPixels if the frames of its stream are too large, before they are decoded."""
        if stream.height and stream.width:
            check_pixels(self.path, stream.height, stream.width, max_pixels)
        else:
            self._check_unknown_size(max_pixels)

    def _check_unknown_size(self, max_pixels: int) -> None:
        """Do so where FFmpeg tells no size: it forgets one that is over its own limit."""
        container = self.open(max_pixels=None)
        try:
            stream = self.video(container)
            check_pixels(self.path, stream.height, stream.width, max_pixels)
        finally:
            self.close(container)
