"""Coarse masks of clients refined as `shm-refine` does it, and what each of the three networks makes of a photo."""

import base64
from pathlib import Path

import cv2
import numpy as np

from engines.engine import Engine, Mask
from realtime.inputs.masks import FolderMasks
from realtime.inputs.photos import Photo
from realtime.jobs.photo_folders import read_photo_for_matting
from realtime.loop.edit_photo import check_mask, refine_mask, write_alpha, write_cut_out
from realtime.serve.editing import PHOTO, Made, in_words_of_parts, made

MASK = "mask"  # the part of a request, and the file where it is stored


class MaskRefiner:
    """Refines masks from any thread, with an engine that any thread may call.

    A request's files lie in a folder of its own: `photo`, and `mask`, grey, 255 = person.
    """

    def __init__(self, engine: Engine, *, max_pixels: int) -> None:
        self._engine, self._max_pixels = engine, max_pixels

    def refined(self, folder: Path, *, cut_out: bool) -> Made:
        """The fine matte of a mask, grey, or with `cut_out` the people cut out by it, as PNG.

        Raises MediaError if a file cannot be read, or the mask has another shape than the photo.
        """
        with in_words_of_parts(folder, self._max_pixels):
            photo, mask = self._read(folder)
            matte = refine_mask(photo, mask, self._engine)
            target = folder / "result.png"
            write = write_cut_out if cut_out else write_alpha
            return made(target, photo, lambda writing: write(target, matte, photo, writing))

    def steps(self, folder: Path) -> dict[str, str | dict[str, float]]:
        """What comes out of each network, as `Matte` has it: PNGs as data URLs; and the milliseconds of each.

        A mask that was sent takes the place of the first network's. Raises MediaError as `refined` does.
        """
        with in_words_of_parts(folder, self._max_pixels):
            if (folder / MASK).exists():
                photo, mask = self._read(folder)
                check_mask(photo, mask)
                matte, ms = self._engine.profile(photo.flat(), mask)
            else:
                matte, ms = self._engine.profile(self._photo(folder).flat())
        pictures = {"coarse": matte.coarse, "unified": matte.unified, "alpha": matte.alpha}
        return {**{name: data_url(picture) for name, picture in pictures.items()}, "ms": ms}

    def _photo(self, folder: Path) -> Photo:
        return read_photo_for_matting(folder / PHOTO, max_pixels=self._max_pixels)

    def _read(self, folder: Path) -> tuple[Photo, Mask]:
        photo = self._photo(folder)
        return photo, FolderMasks(folder / MASK, max_pixels=self._max_pixels).read(folder / PHOTO)


def data_url(mask: Mask) -> str:
    """A mask as a grey PNG within an address."""
    _, png = cv2.imencode(".png", np.rint(mask * 255).astype(np.uint8))
    return f"data:image/png;base64,{base64.b64encode(png.tobytes()).decode()}"
