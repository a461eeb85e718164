"""Several backgrounds to choose from while a stream runs."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.engine import Frame
from engines.errors import MattingError, MediaError
from realtime.compositing.backgrounds import Background, Fit, open_background
from realtime.inputs.photos import READABLE
from realtime.packet import Packet

FILMS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"}  # suffixes of a folder's videos
BLUR = "blur"


class Choice(Background):
    """Backgrounds of which one is shown, and only that one is open.

    `frame` may run in another thread than the rest.

    Args:
        specs: what `open_background` takes, or folders of pictures and videos. The first is shown first.
        fit: see `open_background`.
        tell: is told which one is shown now, or why it cannot be.

    Raises MediaError where one that was named cannot be opened, or a folder has none in it.
    """

    def __init__(self, specs: Sequence[str], *, fit: Fit = "cover", tell: Callable[[str], object] = print) -> None:
        self._specs = [each for spec in specs for each in in_folder(spec)]
        self._fit: Fit = fit
        self._tell = tell
        self._number = 0
        self._blurred = False
        self._lock = threading.Lock()
        self._shown: Background | None = None  # by `frame`, which alone closes it
        for spec in self._specs[1:] if len(self._specs) == len(specs) else ():  # a large folder is not read beforehand
            open_background(spec, fit=fit).close()
        self._wanted = open_background(self._specs[0], fit=fit)

    @property
    def name(self) -> str:
        """What is behind now, as the user named it."""
        return BLUR if self._blurred else self._specs[self._number]

    def frame(self, packet: Packet) -> Frame:
        """The chosen background of this packet."""
        with self._lock:
            old, self._shown = self._shown, self._wanted
        if old is not None and old is not self._shown:
            old.close()
        return self._shown.frame(packet)

    def step(self, by: int) -> None:
        """Goes on to the next (1) or back to the previous one (-1), round and round. One that cannot be opened is told of."""
        self._number = (self._number + by) % len(self._specs)
        self._blurred = False
        self._open(self._specs[self._number])

    def blur(self) -> None:
        """Puts the person's own surroundings out of focus, or, the next time, the chosen background back."""
        self._blurred = not self._blurred
        self._open(self.name)

    def close(self) -> None:
        """Closes what is open. Not while another thread is in `frame`."""
        if self._shown is not None and self._shown is not self._wanted:
            self._shown.close()
        self._wanted.close()

    def _open(self, spec: str) -> None:
        try:
            background = open_background(spec, fit=self._fit)
        except MattingError as error:
            self._tell(str(error))
            return
        with self._lock:
            skipped = self._wanted if self._wanted is not self._shown else None
            self._wanted = background
        if skipped is not None:
            skipped.close()
        self._tell(f"background: {spec}")


def in_folder(spec: str) -> list[str]:
    """The pictures and videos of a folder, by name; anything else as it is. Raises MediaError where there are none."""
    folder = Path(spec).expanduser()
    if not folder.is_dir():
        return [spec]
    found = [str(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in READABLE | FILMS]
    found = [path for path in found if not Path(path).name.startswith(".")]
    if not found:
        raise MediaError(f"--bg {spec}: no picture or video is in this folder; name another")
    return found
