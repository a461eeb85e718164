"""Writing still pictures."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from engines.atomic import replacing
from engines.engine import Mask, range_beyond
from engines.errors import MediaError
from realtime.outputs.pictures.formats import PictureFormat, picture_format
from realtime.outputs.pictures.rasters import BAND, Raster, write_png, write_tiff
from realtime.paths import named
from realtime.pixels.depth import Pixels
from realtime.pixels.metadata import HEADER, NO_METADATA, Metadata

WRITERS = {"PNG": write_png, "TIFF": write_tiff}  # of the others, Pillow
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # of Pillow, by the number of channels


def write_photo(
    path: str | os.PathLike[str],
    frame: Pixels,
    alpha: Mask | None = None,
    *,
    profile: bytes = b"",
    metadata: Metadata = NO_METADATA,
    premultiplied: bool = False,
    overwrite: bool = True,
) -> None:
    """Write RGB (H, W, 3) or grey (H, W), uint8 or uint16; with `alpha`, float32 (H, W), RGBA of straight colours.

    The suffix decides the format. The file appears, or is replaced, only when it is complete. `profile` is the colour profile
    (ICC) that RGB is in, by default sRGB. Formats that hold no profile, no EXIF and XMP, or 8 bits only get
    the colours as they are, without these. With `premultiplied` the file gets colours that are multiplied by alpha.
    Raises MediaError if the suffix is unknown, the format cannot hold alpha or a picture of this size, or the file cannot be
    written; FileAppeared without `overwrite` if there is one, and what was written is beside it; ValueError for arrays of
    another form, or what names no file.
    """
    path = named(path)
    _check(frame, alpha)
    if not isinstance(profile, bytes):
        raise ValueError(f"profile {profile!r}: must be bytes, those of an ICC profile")
    if not isinstance(metadata, Metadata):
        raise ValueError(f"metadata {metadata!r}: must be those of a photo, such as read_photo('in.jpg').metadata")
    kind = picture_format(path, alpha=alpha is not None)
    height, width = frame.shape[:2]
    if max(height, width) > kind.longest:
        raise MediaError(f"{path}: {width}x{height} is too large for {path.suffix}; write .png instead")
    raster = Raster(
        colours=np.repeat(frame[..., None], 3, axis=2) if alpha is not None and frame.ndim == 2 else frame,
        alpha=alpha,
        bits=min(kind.bits, 8 * frame.itemsize),
        premultiplied=premultiplied,
        profile=profile if kind.profile else b"",
        metadata=metadata if kind.metadata else NO_METADATA,
    )
    try:
        with replacing(path, overwrite=overwrite) as unfinished:
            if writer := WRITERS.get(kind.name):
                writer(unfinished, raster)
            else:
                _write_with_pillow(unfinished, raster, kind)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise MediaError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
        raise MediaError(f"{path}: {path.suffix} cannot hold this picture ({error}); write .png instead") from error


def _check(frame: Pixels, alpha: Mask | None) -> None:
    for name, array in (("a picture", frame), ("alpha", alpha)):
        if not isinstance(array, np.ndarray) and (array is not None or array is frame):
            raise ValueError(f"{name} is a NumPy array, not {type(array).__name__}; numpy.array makes one of a picture")
    if frame.dtype not in (np.uint8, np.uint16) or frame.ndim < 2 or frame.shape[2:] not in ((), (3,)) or not frame.size:
        raise ValueError(f"a picture is uint8 or uint16, (H, W, 3) or (H, W), not {frame.dtype} {frame.shape}")
    if alpha is not None and (alpha.shape != frame.shape[:2] or not np.issubdtype(alpha.dtype, np.floating)):
        height, width = frame.shape[:2]
        raise ValueError(f"alpha of this picture is float32 ({height}, {width}), not {alpha.dtype} {alpha.shape}")
    if alpha is not None and (beyond := range_beyond(alpha)):
        raise ValueError(f"alpha is from 0 to 1, not {beyond}; divide one of 8 bits by 255")


def _write_with_pillow(path: Path, raster: Raster, kind: PictureFormat) -> None:
    height, width = raster.size
    image = Image.new(MODES[raster.channels], (width, height))
    for index, band in enumerate(raster.bands()):
        image.paste(Image.fromarray(band[..., 0] if raster.channels == 1 else band), (0, index * BAND))
    options = dict(kind.lossless if raster.alpha is not None else kind.options)
    if raster.profile:
        options["icc_profile"] = raster.profile
    if raster.metadata.exif:
        options["exif"] = HEADER + raster.metadata.exif
    if raster.metadata.xmp:
        options["xmp"] = raster.metadata.xmp
    if raster.metadata.density is not None:
        options["dpi"] = raster.metadata.density
    image.save(path, format=kind.name, **options)
