"""Photos of clients edited as `shm-image` does it: files in, the bytes of a picture out."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from engines.errors import MediaError, TooManyPixels
from engines.geometry import BASE
from realtime.compositing.backgrounds import Background, named_background, open_background
from realtime.compositing.composite import check_light_wrap
from realtime.compositing.subjects import subject_filter
from realtime.inputs.photos import Photo
from realtime.jobs.photo_folders import read_photo_for_matting
from realtime.loop.edit_photo import Writing, matte_photo, write_alpha, write_composite, write_cut_out
from realtime.packet import Packet
from realtime.serve.work_queue import SharedEngines

PHOTO, BACKGROUND = "photo", "background"  # parts of a request, and the files where they are stored
PhotoFormat = Literal["png", "jpg"]
PHOTO_TYPES = {"png": "image/png", "jpg": "image/jpeg"}


class Made(NamedTuple):
    """A picture as the bytes of a file, and a line for each thing of the photo that it lacks."""

    data: bytes
    notes: tuple[str, ...]


def served_background(name: str) -> Background:
    """A background by its name. Raises ValueError for any other: what a client names is no file."""
    background = named_background(name)
    if background is None:
        choices = "a colour such as green or #00b140, blur, blur:2, checkerboard or none"
        raise ValueError(f"bg: is not a background that is served; give {choices}")
    return background


def in_words(told: str, folder: Path) -> str:
    """A message with the parts of a request in place of their paths."""
    return told.replace(f"{folder}{os.sep}", "the ")


def made(target: Path, photo: Photo, write: Callable[[Writing], object]) -> Made:
    """What `write` makes of a photo. Where it was taken stays with the client."""
    notes = [*photo.notes]
    write(Writing(strip=True, notify=notes.append))
    return Made(target.read_bytes(), tuple(in_words(note, target.parent) for note in notes))


@contextmanager
def in_words_of_parts(folder: Path, max_pixels: int) -> Iterator[None]:
    """Errors tell clients what is wrong with which part of their request, and no path."""
    try:
        yield
    except MediaError as error:
        told = in_words(str(error), folder)
        if isinstance(error, TooManyPixels):
            part = told.partition(":")[0]
            told = f"{part} has more than {max_pixels / 1_000_000:g} megapixels; make it smaller"
            raise TooManyPixels(told, error.megapixels) from error
        raise MediaError(told) from error


@dataclass(frozen=True, slots=True)
class PhotoOptions:
    """How a photo is edited, as by `shm-image`. `bg` never names a file; without it the people are cut out.

    Raises ValueError for a value that is wrong.
    """

    bg: str | None = None
    light_wrap: float = 0.0
    keep: str = "all"
    model: str = BASE
    format: PhotoFormat = "png"

    def __post_init__(self) -> None:
        check_light_wrap(self.light_wrap)
        subject_filter(self.keep)
        self.background()

    def background(self) -> Background | None:
        """The background, None for a cut-out."""
        return None if self.bg is None else served_background(self.bg)


class PhotoEditor:
    """Edits photos from any thread, with engines that any thread may call.

    A request's files lie in a folder of its own: `photo`, and `background` if one was sent, which is shown instead of `bg`.
    """

    def __init__(self, engines: SharedEngines, *, max_pixels: int) -> None:
        self._engines, self._max_pixels = engines, max_pixels

    def image(self, folder: Path, options: PhotoOptions) -> Made:
        """The people of a photo, cut out or on a background. Raises MediaError if a file cannot be read.

        Raises ValueError for a cut-out in a format that has no alpha.
        """
        with in_words_of_parts(folder, self._max_pixels), ExitStack() as stack:
            background = options.background()
            if (sent := folder / BACKGROUND).exists():
                background = stack.enter_context(open_background(str(sent), max_pixels=self._max_pixels))
            if background is None and options.format == "jpg":
                raise ValueError("format: jpg has no alpha; take png, or give a background")
            photo, packet = self._matte(folder, options)
            target = folder / f"result.{options.format}"

            def write(writing: Writing) -> None:
                if background is None:
                    write_cut_out(target, packet.fetch(), photo, writing)
                else:
                    write_composite(target, packet, background, photo, writing, light_wrap=options.light_wrap)

            return made(target, photo, write)

    def alpha(self, folder: Path, options: PhotoOptions) -> Made:
        """The alpha matte of a photo, as a grey PNG. Raises MediaError if the photo cannot be read."""
        with in_words_of_parts(folder, self._max_pixels):
            photo, packet = self._matte(folder, options)
            target = folder / "result.png"
            return made(target, photo, lambda writing: write_alpha(target, packet.fetch(), photo, writing))

    def _matte(self, folder: Path, options: PhotoOptions) -> tuple[Photo, Packet]:
        photo = read_photo_for_matting(folder / PHOTO, max_pixels=self._max_pixels)
        return photo, matte_photo(photo, self._engines.of(options.model), keep=options.keep)
