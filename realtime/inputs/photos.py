"""Reading still pictures of every kind that cameras and editors write, as upright uint8 sRGB."""

import os
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from engines.arguments import check_max_pixels
from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.choices import MAX_PIXELS
from realtime.inputs.pictures import check_file, check_pixels, is_openexr, open_picture, openexr_header, tiff_size
from realtime.paths import named
from realtime.pixels.colour_profile import SPACES, ColourProfile, colour_profile, space, to_srgb_by
from realtime.pixels.decoded import brighter_than_white, in_srgb
from realtime.pixels.depth import Pixels, to_eight_bits, to_sixteen_bits
from realtime.pixels.metadata import NO_METADATA, Metadata, read_density, read_exif, read_xmp
from realtime.pixels.opacity import flatten
from realtime.pixels.opencv_log import silence_opencv
from realtime.pixels.orientation import Orientation

ORIENTATION = 0x0112  # the EXIF tag
BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, PLANES, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 259, 262, 284, 338, 339  # TIFF tags
UNCOMPRESSED, BLACK_IS_ZERO, RGB, SEPARATE, PREMULTIPLIED = 1, 1, 2, 2, 1  # their values
BAND = 256  # rows at a time: Pillow's pictures take a third more memory than arrays, and conversions as much again
READABLE = {
    *(".avif", ".bmp", ".exr", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe"),
    *(".jpeg", ".jpg", ".jxl", ".png", ".tif", ".tiff", ".webp"),
}


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no one answer to ==
class Photo:
    """A still picture.

    Attributes:
        frame: its colours in sRGB, uint8 (H, W, 3).
        alpha: float32 (H, W) in [0, 1] if the file has one.
        name: for messages.
        profile: the colour profile of the file, if that is another than sRGB's.
        stored: the colours as the file has them, in that profile, uint8 or uint16 (H, W, 3), if they are not those of `frame`.
        frames: how many pictures the file has; this is the first.
        metadata: its EXIF and XMP.
        notes: what of the file was not read, a line each.
    """

    frame: Frame
    alpha: Mask | None = None
    name: str = "the photo"
    profile: ColourProfile | None = None
    stored: Pixels | None = None
    frames: int = 1
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()

    def flat(self) -> Frame:
        """Flatten onto white: uint8 (H, W, 3) sRGB."""
        return self.frame if self.alpha is None else flatten(self.frame, self.alpha)


def read_photo(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read JPEG, PNG, WebP, AVIF, HEIC (with pi-heif), JPEG XL (with pillow-jxl-plugin), TIFF, OpenEXR, BMP or GIF.

    They may have 8 or 16 bits, be grey, a palette, CMYK or colours, with or without alpha.
    EXIF orientation is applied, and colours are converted to sRGB by the file's colour profile. PNG and TIFF keep their 16 bits
    in `stored`, and so does OpenEXR, whose linear light gets sRGB's curve, and is cut off where it is brighter than white.
    Raises TooManyPixels before anything is decoded if there are more than `max_pixels`; MediaError if the file is missing, not
    a plain file, not a picture or broken; ValueError for what names no file, or a limit that is none.
    """
    path = named(path)
    check_max_pixels(max_pixels)
    try:
        check_file(path)
        if is_openexr(path):
            return _read_openexr(path, max_pixels)
        try:
            with open_picture(path, max_pixels=max_pixels) as image:
                return _decode(image, path)
        except UnidentifiedImageError:
            return _read_float_tiff(path, max_pixels)
    except MediaError:
        raise
    except MemoryError as error:
        raise MediaError(f"{path}: takes more memory than there is; make it smaller") from error
    except Exception as error:  # Pillow has no error of its own
        kinds = "name a JPEG, PNG, WebP, AVIF, HEIC, JPEG XL, TIFF, OpenEXR, BMP or GIF file"
        raise MediaError(f"{path}: is broken or not a picture that can be read; {kinds}") from error


def _decode(image: Image.Image, path: Path) -> Photo:
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a JPEG with previews
    icc: bytes = image.info.get("icc_profile") or b""
    described = space(icc) if icc else ""
    wide = _has_sixteen_bits(image) and described != "GRAY"  # a grey profile's curve is for 8 bits, as Pillow has it
    notes = [f"{path}: has {frames} pictures; only the first is used"] if frames > 1 else []
    image.load()  # of a file that is damaged, OpenCV would print lines of its own, and read a part
    deep = _read_sixteen_bits(image, path) if wide else None
    if wide and deep is None:
        notes.append(f"{path}: of its 16 bits only 8 can be read")
    orientation = _orientation(image)
    exif = b""
    try:
        exif = read_exif(image, path)
    except ValueError:
        notes.append(f"{path}: its EXIF is damaged, and is left out")
    colours, alpha = deep or _eight_bits(image, icc if described in {"GRAY", "CMYK"} else b"")
    metadata = Metadata(exif, read_xmp(image), read_density(image, turned=orientation.transpose))
    image.close()
    stored: Pixels = orientation.apply(colours)
    alpha = None if alpha is None else orientation.apply(alpha)
    profile = colour_profile(icc) if described == "RGB" else None
    frame = to_eight_bits(stored)
    if profile is not None:
        frame = profile.to_srgb(frame)
    differs = deep is not None or profile is not None
    return Photo(frame, alpha, str(path), profile, stored if differs else None, frames, metadata, tuple(notes))


def _eight_bits(image: Image.Image, icc: bytes) -> tuple[Frame, Mask | None]:
    """The colours of a picture, uint8 (H, W, 3), and its alpha, float32 (H, W). `icc`: the profile of grey and CMYK."""
    grey = image.mode[0] == "L"
    convert = None
    if icc and space(icc) == SPACES.get("L" if grey else image.mode):
        convert = to_srgb_by(icc, "L" if grey else image.mode)
    width, height = image.size
    colours = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.float32) if image.has_transparency_data else None
    for top in range(0, height, BAND):
        band, rows = image.crop((0, top, width, min(top + BAND, height))), np.s_[top : top + BAND]
        if image.mode[0] in "IF":  # 16 or 32 bit, grey
            band = Image.fromarray(to_eight_bits(to_sixteen_bits(np.asarray(band))))
        if alpha is not None:
            band = band.convert("RGBA")
            alpha[rows] = np.asarray(band.getchannel("A")) / np.float32(255)
            band = band.convert("L" if grey else "RGB")
        colours[rows] = np.asarray(convert(band) if convert else band.convert("RGB"))
    return colours, alpha


def _read_float_tiff(path: Path, max_pixels: int) -> Photo:
    """Read the TIFF files that Pillow does not know: several channels in floating point."""
    check_pixels(path, *tiff_size(path), max_pixels)
    with silence_opencv():
        pixels = cv2.imdecode(np.memmap(path, np.uint8, "r"), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise MediaError(f"{path}: is broken, or a TIFF file of a kind that cannot be read; save it with 8 or 16 bits")
    stored = to_sixteen_bits(pixels)
    return Photo(to_eight_bits(stored), name=str(path), stored=stored)


def _read_openexr(path: Path, max_pixels: int) -> Photo:
    """Read an OpenEXR file. Its colours are taken to be multiplied by alpha, as is the convention."""
    header = openexr_header(path)
    check_pixels(path, header.height, header.width, max_pixels)
    if header.cut_off:
        raise MediaError(f"{path}: was cut off, or is not yet written to its end; write it again")
    try:
        with av.open(str(path.absolute()), format="exr_pipe") as container:  # in a relative one, 12:30.exr would be a protocol
            picture = next(container.decode(video=0))
    except (av.FFmpegError, StopIteration) as error:
        remedy = "save it anew, as one part with half or float channels R, G and B, compressed by ZIP or PIZ"
        raise MediaError(f"{path}: is broken, or OpenEXR of a kind that cannot be read; {remedy}") from error
    notes: tuple[str, ...] = ()
    if brighter_than_white(picture):
        notes = (f"{path}: its light is brighter than white in places, and becomes white there",)
    picture = in_srgb(picture)
    stored, alpha = _of_sixteen_bits(picture, any(each.is_alpha for each in picture.format.components))
    return Photo(to_eight_bits(stored), alpha, str(path), stored=stored, notes=notes)


def _has_sixteen_bits(image: Image.Image) -> bool:
    """Whether the file of a picture, not yet loaded, is a PNG or TIFF of grey or RGB with 16 bits of each channel."""
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        whole = set(tags.get(SAMPLE_FORMAT, (1,))) == {1}
        return set(tags.get(BITS_PER_SAMPLE, ())) == {16} and whole and tags.get(PHOTOMETRIC) in {BLACK_IS_ZERO, RGB}
    return image.format == "PNG" and any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _read_sixteen_bits(image: Image.Image, path: Path) -> tuple[NDArray[np.uint16], Mask | None] | None:
    """The colours, uint16 (H, W, 3), and alpha of such a file; None where they cannot be read. Pillow reads 8 bits."""
    if image.format == "PNG":
        return _sixteen_bit_png(path)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PLANES) == SEPARATE:  # of which it makes something else
        if image.tag_v2.get(COMPRESSION) == UNCOMPRESSED:  # and Pillow too
            raise MediaError(f"{path}: has its 16 bits in separate planes; save it with interleaved channels")
        return None
    try:
        with silence_opencv():
            pixels = cv2.imdecode(np.memmap(path, np.uint8, "r"), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype != np.uint16 or pixels.shape[1::-1] != image.size:
        return None
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint16), None
    if pixels.shape[2] == 3:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, pixels), np.uint16), None
    alpha = pixels[..., 3] / np.float32(65535)
    colours = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB), np.uint16)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(EXTRA_SAMPLES) == (PREMULTIPLIED,):
        for top in range(0, len(colours), BAND):
            rows = np.s_[top : top + BAND]
            straight = colours[rows] / np.maximum(alpha[rows], np.float32(1 / 65535))[..., None]
            colours[rows] = np.minimum(np.rint(straight), 65535)
    return colours, alpha


def _sixteen_bit_png(path: Path) -> tuple[NDArray[np.uint16], Mask | None] | None:
    """As FFmpeg reads it: where it is damaged, the libpng of OpenCV writes lines of its own to standard error."""
    try:
        with av.open(str(path.absolute()), format="png_pipe") as container:  # in a relative one, 12:30.png would be a protocol
            picture = next(container.decode(video=0))
    except (av.FFmpegError, StopIteration, OSError):
        return None
    return _of_sixteen_bits(picture, picture.format.name in {"rgba64be", "ya16be"})


def _of_sixteen_bits(picture: VideoFrame, has_alpha: bool) -> tuple[NDArray[np.uint16], Mask | None]:
    """The colours, uint16 (H, W, 3), and alpha of what FFmpeg has read."""
    if not has_alpha:
        return np.asarray(picture.to_ndarray(format="rgb48le"), np.uint16), None
    pixels = np.asarray(picture.to_ndarray(format="rgba64le"), np.uint16)
    return np.ascontiguousarray(pixels[..., :3]), np.divide(pixels[..., 3], 65535, dtype=np.float32)


def _orientation(image: Image.Image) -> Orientation:
    """The EXIF orientation of a picture; upright, if it has none that can be read, or is turned already."""
    if image.format == "JXL" and not getattr(image, "jpeg", False):  # but for a JPEG that was packed into one
        return Orientation()
    try:
        return Orientation.of_exif(int(image.getexif().get(ORIENTATION, 1)))
    except Exception:  # of many types, for many kinds of damage
        return Orientation()
