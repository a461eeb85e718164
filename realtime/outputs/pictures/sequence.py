"""Sequences of pictures: a numbered file for each frame."""

import os
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import ColorTrc

from engines.atomic import filling
from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.choices import OutputKind
from realtime.numbering import check_name, pictures_of
from realtime.outputs.formats import codec_for
from realtime.outputs.sink import Sink
from realtime.outputs.target import refuse_address
from realtime.packet import Packet
from realtime.paths import named
from realtime.pixels.high_range import HighRange, with_high_range
from realtime.pixels.opacity import premultiply
from realtime.pixels.wide_colour import D65, GAMUTS, REFERENCE_WHITE, Deep, light_of
from realtime.pixels.yuv import with_fine

FIRST = 1  # number of the first picture, as FFmpeg writes them
BT709, BT2020, DISPLAY_P3 = 1, 9, 12  # the numbers of primaries in FFmpeg and H.273
# Linear light of these primaries, in the names of the Colour Interop Forum.
LIGHT = {BT709: "lin_rec709_scene", BT2020: "lin_rec2020_scene", DISPLAY_P3: "lin_p3d65_scene"}

Writer = Callable[[Path, Any, Mask | None], None]


class PictureSequence(Sink):
    """A file for each frame, numbered from 1, in a format of `realtime.outputs.formats`.

    They appear when all are complete, or not at all. Pictures hold no times and no sound.

        with PictureSequence("out/%05d.png", width=source.width, height=source.height, kind="cutout") as sink:
            sink.write(packet)

    Args:
        path: a name with a place for the number, such as out/%05d.png. Its folder is made if there is none.
        width, height: of the pictures, in pixels.
        pixel_aspect: width of a pixel over its height, which EXR states.
        kind, codec, premultiplied, crf: as of `VideoSink`; EXR is always premultiplied, as its readers expect.
        high_range: of the source, to be kept, in EXR: in light of its own primaries, 1 for 203 cd/m2, as the header says.
        overwrite: whether existing pictures of that name may be replaced. All of them are removed then, however many there are.

    Raises:
        MediaError: if the pictures cannot be written there, or their format needs a package that is not installed.
        ValueError: for an unknown codec, a `crf`, which none takes, or high range that it does not keep.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        width: int,
        height: int,
        pixel_aspect: Fraction = Fraction(1),
        kind: OutputKind = "composite",
        codec: str | None = None,
        premultiplied: bool = False,
        crf: int | None = None,
        high_range: HighRange | None = None,
        overwrite: bool = False,
    ) -> None:
        path = named(path)
        super().__init__(path, width=width, height=height, kind=kind, codec=codec_for(path, kind, codec))
        self.codec.check_rate(crf)
        parts = check_name(path)
        self._high_range = high_range
        if high_range is not None:
            self.codec.check_high_range()
        self._write: Writer = partial(write_png, premultiplied=premultiplied)
        if self.codec.name == "exr":
            require_openexr()
            self._write = partial(write_exr, pixel_aspect=float(pixel_aspect), high_range=high_range)
        check_folder(path)
        there = pictures_of(path, parts)
        if there and not overwrite:
            raise MediaError(f"{there[0]}: exists already; choose another name, or overwrite it")
        self._count = 0
        self._filling = filling(path, replaced=[each.name for each in there])
        with self._media_errors("choose another folder"):
            self._unfinished = self._filling.__enter__()

    def write(self, packet: Packet) -> None:
        """Write what the pictures show of a packet. Raises as that of `VideoSink` does."""
        name = self.path.name % (FIRST + self._count)
        picture, alpha = self._shown(packet)
        deep: Frame | Deep | None = picture
        if picture is not None and self._high_range is not None:
            deep = with_high_range(picture, packet.fine, self._high_range)
        elif picture is not None and packet.fine is not None and self.codec.deep is not None:
            deep = with_fine(picture, packet.fine)
        with self._media_errors("check the disk"):
            self._write(self._unfinished / name, deep, alpha)
        self._count += 1

    def close(self) -> None:
        """Move the pictures into place.

        Raises MediaError if that fails, or no packet came, and FileAppeared if others have appeared there.
        """
        if not self._over:
            if not self._count:
                self.abort()
                raise self._nothing()
            self._over = True
            with self._media_errors("check the disk"):
                self._filling.__exit__(None, None, None)

    def abort(self) -> None:
        """Leave nothing of it, and pictures that were there as they were. After `close` it does nothing."""
        if not self._over:
            self._over = True
            self._filling.__exit__(GeneratorExit, GeneratorExit(), None)


def write_png(path: Path, picture: Frame | None, alpha: Mask | None, *, premultiplied: bool) -> None:
    """Write a picture, uint8 RGB (H, W, 3), with alpha, float32 (H, W), or one of the two alone. Raises OSError."""
    if picture is not None and alpha is not None and premultiplied:
        picture = premultiply(picture, alpha)
    planes = [] if picture is None else [picture[..., ::-1]]  # OpenCV has blue first
    if alpha is not None:
        planes.append(np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8))
    path.write_bytes(np.asarray(cv2.imencode(".png", np.dstack(planes))[1]).tobytes())


def write_exr(
    path: Path, picture: Frame | Deep | None, alpha: Mask | None, *, pixel_aspect: float, high_range: HighRange | None
) -> None:
    """Write half floats with the channels R, G, B and A, or Y for a matte alone; compressed without loss. Raises OSError.

    `picture`: RGB (H, W, 3), uint8, or uint16 with a white of 65,280, or of high range, whose full signal that is.

    Colours are linear light, by sRGB's curve, of BT.709's primaries; `chromaticities` and `colorInteropID` say so.
    They are multiplied by alpha, of which the header has no word: that is the convention of the format. Those of high range are
    by its own curve and of its own primaries, and `whiteLuminance` is stated.
    """
    openexr = import_module("OpenEXR")
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage, "pixelAspectRatio": pixel_aspect}
    if picture is None:
        assert alpha is not None
        channels = {"Y": alpha.astype(np.float16)}
    else:
        primaries = BT709 if high_range is None else high_range.primaries
        header |= {"chromaticities": (*(xy for primary in GAMUTS[primaries] for xy in primary), *D65)}
        header |= {"colorInteropID": LIGHT[primaries]} if primaries in LIGHT else {}
        header |= {} if high_range is None else {"whiteLuminance": REFERENCE_WHITE}
        deep = picture.astype(np.uint16) << 8 if picture.dtype == np.uint8 else picture
        light = np.take(light_of(ColorTrc.IEC61966_2_1 if high_range is None else high_range.transfer), deep)
        if alpha is not None:
            light *= alpha[..., None]
        planes = light if alpha is None else np.dstack([light, alpha])
        channels = {"RGB" if alpha is None else "RGBA": planes.astype(np.float16)}
    try:
        with openexr.File(header, channels) as file:
            file.write(str(path))
    except RuntimeError as error:
        raise OSError(str(error)) from error


def require_openexr() -> None:
    """Raise MediaError if the package OpenEXR, an optional extra, is not installed."""
    if find_spec("OpenEXR") is None:
        raise MediaError("OpenEXR is not installed; type: pip install 'semantic-human-matting[exr]'")


def check_folder(path: Path) -> None:
    """Raise MediaError if there is no place for the folder of a sequence, or nothing can be written to it."""
    folder = Path(os.path.realpath(path.parent))
    if folder.exists() and not folder.is_dir():
        raise MediaError(f"{path}: {folder} is not a folder; choose another")
    if not folder.exists() and not folder.parent.is_dir():
        refuse_address(path)
        raise MediaError(f"{path}: there is no folder {folder.parent}; make it first")
    there = folder if folder.exists() else folder.parent
    if not os.access(there, os.W_OK | os.X_OK):
        raise MediaError(f"{path}: no permission to write to the folder {there}; choose another")
