"""OpenEXR pictures: half floats of linear light."""

from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.pixels.wide_colour import D65, GAMUTS

BT709 = 1  # the number of its primaries in FFmpeg and H.273
LIGHT = "lin_rec709_scene"  # linear, of BT.709's primaries, in the names of the Colour Interop Forum
CODES = np.arange(256) / 255
LINEAR = np.where(CODES <= 0.04045, CODES / 12.92, ((CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)  # of sRGB


class ExrWriter:
    """Writes OpenEXR pictures of half floats with the channels R, G, B and A, or Y for a matte alone; compressed without loss.

    Colours are linear light, by sRGB's curve, of BT.709's primaries; the header says so by `chromaticities` and
    `colorInteropID`. Raises MediaError if the package OpenEXR, an optional extra, is not installed.
    """

    def __init__(self, *, premultiplied: bool, pixel_aspect: Fraction) -> None:
        if find_spec("OpenEXR") is None:
            raise MediaError("OpenEXR is not installed; type: pip install 'semantic-human-matting[exr]'")
        self._openexr = import_module("OpenEXR")
        self._premultiplied = premultiplied
        self._pixel_aspect = float(pixel_aspect)

    def __call__(self, path: Path, picture: Frame | None, alpha: Mask | None) -> None:
        """Write a picture, uint8 RGB (H, W, 3), with alpha, float32 (H, W), or one of the two alone. Raises OSError."""
        header = {
            "compression": self._openexr.ZIP_COMPRESSION,
            "type": self._openexr.scanlineimage,
            "pixelAspectRatio": self._pixel_aspect,
        }
        if picture is None:
            assert alpha is not None
            channels = {"Y": alpha.astype(np.float16)}
        else:
            header |= {"chromaticities": (*(xy for primary in GAMUTS[BT709] for xy in primary), *D65), "colorInteropID": LIGHT}
            light = np.take(LINEAR, picture)
            if alpha is not None and self._premultiplied:
                light *= alpha[..., None]
            planes = light if alpha is None else np.dstack([light, alpha])
            channels = {"RGB" if alpha is None else "RGBA": planes.astype(np.float16)}
        try:
            with self._openexr.File(header, channels) as file:
                file.write(str(path))
        except RuntimeError as error:
            raise OSError(str(error)) from error
