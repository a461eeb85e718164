"""Several backgrounds to switch between while a stream runs."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.engine import Frame
from engines.errors import MattingError, MediaError
from realtime.choices import MAX_PIXELS, Fit
from realtime.compositing.backgrounds import Background, StillBackground, named_background, open_background
from realtime.inputs.photos import READABLE
from realtime.packet import Packet
from realtime.paths import expand_home

VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"}  # suffixes of videos in a folder
BLUR = "blur"


class Playlist(Background):
    """Backgrounds of which one is shown; only that one is open.

    `frame` may run in another thread than the rest.

    Attributes:
        specs: what it goes through, each as `open_background` takes it: of a folder, its pictures and videos.

    Args:
        specs: what `open_background` takes, or folders of pictures and videos. The first is shown first.
        fit, max_pixels: see `open_background`.
        notify: called with a line about the background that is shown now, or why it cannot be.

    Raises MediaError or ValueError if one that was named cannot be opened, or a folder has none in it.
    """

    def __init__(
        self, specs: Sequence[str], *, fit: Fit = "cover", notify: Callable[[str], object] = print, max_pixels: int = MAX_PIXELS
    ) -> None:
        found = [expand_folder(spec) for spec in specs]
        self.specs = [each for several in found for each in several]
        self._fit: Fit = fit
        self._max_pixels = max_pixels
        self._notify = notify
        self._index = 0
        self._blurred = False
        self._lock = threading.Lock()
        self._shown: Background | None = None  # used by `frame`, which alone closes it
        self._last: Frame | None = None  # that it gave
        self._wanted = self._opened(self.specs[0])
        try:
            for spec, several in list(zip(specs, found, strict=True))[1:]:
                if several == [spec]:  # a large folder is not read in advance
                    self._opened(spec).close()
        except BaseException:
            self._wanted.close()
            raise

    @property
    def name(self) -> str:
        """The current background, as the user named it."""
        return BLUR if self._blurred else self.specs[self._index]

    def frame(self, packet: Packet) -> Frame:
        """The current background of this packet. Of a video that can no longer be read, the last frame stays."""
        with self._lock:
            old, self._shown = self._shown, self._wanted
        if old is not None and old is not self._shown:
            old.close()
            self._last = None
        try:
            self._last = self._shown.frame(packet)
        except MediaError as error:
            if self._last is None:
                raise
            self._notify(f"{error}; its last picture stays")
            self._keep(self._last)
        return self._last

    def _keep(self, picture: Frame) -> None:
        """Show a picture in place of what is shown now."""
        assert self._shown is not None
        still = StillBackground(picture, fit=self._fit)
        with self._lock:
            self._wanted = still if self._wanted is self._shown else self._wanted
            old, self._shown = self._shown, still
        old.close()

    def step(self, by: int) -> None:
        """Go to the next background (1) or the previous one (-1), cyclically. If it cannot be opened, notify the user."""
        self._index = (self._index + by) % len(self.specs)
        self._blurred = False
        self._open(self.specs[self._index])

    def blur(self) -> None:
        """Switch between the frame's own background out of focus and the current background."""
        self._blurred = not self._blurred
        self._open(self.name)

    def close(self) -> None:
        """Close what is open. Not while another thread is in `frame`."""
        if self._shown is not None and self._shown is not self._wanted:
            self._shown.close()
        self._wanted.close()

    def _opened(self, spec: str) -> Background:
        return open_background(spec, fit=self._fit, max_pixels=self._max_pixels)

    def _open(self, spec: str) -> None:
        try:
            background = self._opened(spec)
        except (MattingError, ValueError) as error:
            self._notify(str(error))
            return
        with self._lock:
            skipped = self._wanted if self._wanted is not self._shown else None
            self._wanted = background
        if skipped is not None:
            skipped.close()
        self._notify(f"background: {spec}")


def expand_folder(spec: str) -> list[str]:
    """The pictures and videos of a folder, by name; anything else unchanged, also what is no file for `open_background`.

    Raises MediaError if a folder has none; ValueError for a malformed strength of blur.
    """
    if named_background(spec) is not None:  # also beside a folder of that name
        return [spec]
    folder = expand_home(spec)
    if not folder.is_dir():
        return [spec]
    found = [str(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in READABLE | VIDEOS]
    found = [path for path in found if not Path(path).name.startswith(".")]
    if not found:
        raise MediaError(f"{spec}: no picture or video is in this folder; name another")
    return found
