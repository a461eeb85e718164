"""Photos of clients edited as `shm-image` does it: bytes in, the bytes of a PNG out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from engines.engine import Engine
from engines.errors import MediaError, TooManyPixels
from realtime.compositing.backgrounds import Background, named_background
from realtime.compositing.composite import check_light_wrap
from realtime.compositing.subjects import subject_filter
from realtime.inputs.photos import Photo
from realtime.jobs.photo_folders import read_photo_for_matting
from realtime.loop.edit_photo import Writing, matte_photo, write_alpha, write_composite, write_cut_out
from realtime.packet import Packet

Write = Callable[[Path, Packet, Photo], None]

WRITING = Writing(strip=True)  # where a photo was taken stays with the client


def served_background(name: str) -> Background:
    """A background by its name. Raises ValueError for any other: what a client names is no file."""
    background = named_background(name)
    if background is None:
        choices = "a colour such as green or #00b140, blur, blur:2, checkerboard or none"
        raise ValueError(f"bg: is not a background that is served; give {choices}")
    return background


@dataclass(frozen=True, slots=True)
class PhotoOptions:
    """How a photo is edited, as by `shm-image`. `bg` never names a file; without it the people are cut out.

    Raises ValueError for a value that is wrong.
    """

    bg: str | None = None
    light_wrap: float = 0.0
    keep: str = "all"

    def __post_init__(self) -> None:
        check_light_wrap(self.light_wrap)
        subject_filter(self.keep)
        self.background()

    def background(self) -> Background | None:
        """The background, None for a cut-out."""
        return None if self.bg is None else served_background(self.bg)


class PhotoEditor:
    """Edits photos from any thread, with an engine that any thread may call."""

    def __init__(self, engine: Engine, *, max_pixels: int) -> None:
        self._engine, self._max_pixels = engine, max_pixels

    def image(self, data: bytes, options: PhotoOptions) -> bytes:
        """The people of a photo, cut out or on a background, as PNG. Raises MediaError if it cannot be read."""

        def write(path: Path, packet: Packet, photo: Photo) -> None:
            background = options.background()
            if background is None:
                write_cut_out(path, packet.fetch(), photo, WRITING)
            else:
                write_composite(path, packet, background, photo, WRITING, light_wrap=options.light_wrap)

        return self._edit(data, write, options.keep)

    def alpha(self, data: bytes, keep: str) -> bytes:
        """The alpha matte of a photo, as a grey PNG. Raises MediaError if the photo cannot be read."""
        return self._edit(data, lambda path, packet, photo: write_alpha(path, packet.fetch(), photo, WRITING), keep)

    def _edit(self, data: bytes, write: Write, keep: str) -> bytes:
        with TemporaryDirectory(prefix="shm-serve-") as folder:
            source, target = Path(folder) / "photo", Path(folder) / "result.png"
            source.write_bytes(data)
            try:
                photo = read_photo_for_matting(source, max_pixels=self._max_pixels)
                packet = matte_photo(photo, self._engine, keep=keep)
                write(target, packet, photo)
                return target.read_bytes()
            except TooManyPixels as error:
                told = f"the photo has more than {self._max_pixels / 1_000_000:g} megapixels; make it smaller"
                raise TooManyPixels(told, error.megapixels) from error
            except MediaError as error:
                raise MediaError(str(error).replace(str(source), "the photo")) from error  # clients are told no path
