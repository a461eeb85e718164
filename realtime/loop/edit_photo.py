"""Photos edited: cut out, composited, or matted from a mask of their own."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.engine import Engine, Mask, Matte
from engines.errors import MediaError
from realtime.choices import Keep
from realtime.compositing.backgrounds import Background
from realtime.compositing.composite import composite
from realtime.compositing.subjects import LargestSubject
from realtime.inputs.photos import Photo
from realtime.outputs.photos import write_photo
from realtime.packet import Packet

ASPECT_TOLERANCE = 0.02  # by which the aspect of a mask may differ from its photo's: it may be rounded to whole pixels


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


def write_cut_out(path: Path, matte: Matte, *, overwrite: bool = True) -> None:
    """Write the foreground's colours with alpha."""
    write_photo(path, matte.foreground, matte.alpha, overwrite=overwrite)


def write_composite(
    path: Path, packet: Packet, background: Background, *, light_wrap: float = 0.0, overwrite: bool = True
) -> None:
    """Write the finished picture on a background."""
    write_photo(path, composite(packet, background.frame(packet), light_wrap=light_wrap), overwrite=overwrite)
