"""Photos edited: cut out, composited, or matted from a mask of their own."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.engine import Engine, Frame, Mask, Matte
from engines.errors import MediaError
from realtime.choices import Keep
from realtime.compositing.backgrounds import Background
from realtime.compositing.composite import composite
from realtime.compositing.subjects import LargestSubject
from realtime.inputs.photos import Photo
from realtime.outputs.photos import WITH_PROFILE, write_photo
from realtime.packet import Packet

ASPECT_TOLERANCE = 0.02  # by which the aspect of a mask may differ from its photo's: it may be rounded to whole pixels
BAND = 64  # rows converted at a time: floating point takes much more memory than the picture


def matte_photo(photo: Photo, engine: Engine, *, keep: Keep = "all") -> Packet:
    """Matte a photo: a packet with its frame and matte. What is transparent in the photo stays transparent."""
    packet = Packet(photo.flat(), Fraction(0), 0)
    packet.matte = engine(packet.frame)
    if photo.alpha is not None:
        packet.matte = replace(packet.matte, alpha=np.minimum(packet.matte.alpha, photo.alpha))
    if keep == "largest":
        LargestSubject()(packet)
    return packet


def refine_mask(photo: Photo, mask: Mask, engine: Engine) -> Matte:
    """Refine a coarse mask of a photo into a matte (section 6 of the paper). Raises MediaError if their aspects differ."""
    frame = photo.flat()
    (height, width), (mask_height, mask_width) = frame.shape[:2], mask.shape
    if abs(np.log(mask_width / mask_height * height / width)) > ASPECT_TOLERANCE:
        sizes = f"{mask_width}x{mask_height} for a photo of {width}x{height}"
        raise MediaError(f"{photo.name}: its mask has another shape ({sizes}); is it the mask of this photo?")
    return engine(frame, mask)


def write_alpha(path: Path, matte: Matte, *, overwrite: bool = True) -> None:
    """Write alpha as a grey picture."""
    write_photo(path, np.rint(matte.alpha * 255).astype(np.uint8), overwrite=overwrite)


def write_cut_out(path: Path, matte: Matte, photo: Photo, *, overwrite: bool = True) -> None:
    """Write the foreground's colours with alpha, in the photo's own colour profile where the file can hold it."""
    colours, profile = in_own_profile(photo, matte.foreground, matte.alpha, path)
    write_photo(path, colours, matte.alpha, profile=profile, overwrite=overwrite)


def write_composite(
    path: Path, packet: Packet, background: Background, photo: Photo, *, light_wrap: float = 0.0, overwrite: bool = True
) -> None:
    """Write the finished picture on a background, in the photo's own colour profile where the file can hold it."""
    behind = background.frame(packet)
    kept = np.ones_like(packet.fetch().alpha) if behind is packet.frame else packet.fetch().alpha
    colours, profile = in_own_profile(photo, composite(packet, behind, light_wrap=light_wrap), kept, path)
    write_photo(path, colours, profile=profile, overwrite=overwrite)


def in_own_profile(photo: Photo, picture: Frame, kept: Mask, path: Path) -> tuple[Frame, bytes]:
    """Convert an sRGB picture made of a photo to the photo's profile, if it has one and the file to write can hold it.

    Colours beyond sRGB, which were cut off for the networks, come back where the photo is `kept`: float32 (H, W) in [0, 1].
    """
    if photo.profile is None or photo.stored is None or path.suffix.lower() not in WITH_PROFILE:
        return picture, b""
    colours = photo.profile.from_srgb(picture)
    known = photo.profile.from_srgb(photo.frame)
    for top in range(0, len(colours), BAND):
        rows = np.s_[top : top + BAND]
        beyond = photo.stored[rows].astype(np.float32) - known[rows]
        colours[rows] = np.clip(np.rint(colours[rows] + kept[rows, :, None] * beyond), 0, 255)
    return colours, photo.profile.data
