"""Photos edited: cut out, composited, or matted from a mask of their own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.engine import Engine, Frame, Mask, Matte
from engines.errors import MediaError
from engines.photos import finest_matte
from realtime.compositing.backgrounds import Background
from realtime.compositing.composite import blend
from realtime.compositing.crop import people_box
from realtime.compositing.subjects import naming, subject_filter
from realtime.inputs.photos import Photo
from realtime.outputs.photos import write_photo
from realtime.outputs.pictures.formats import picture_format
from realtime.packet import Packet
from realtime.pixels.depth import Pixels, to_sixteen_bits
from realtime.pixels.opacity import without_paper

ASPECT_TOLERANCE = 0.02  # by which the aspect of a mask may differ from its photo's: it may be rounded to whole pixels
BAND = 64  # rows converted at a time: floating point takes much more memory than the picture


def matte_photo(photo: Photo, engine: Engine, *, keep: str = "all") -> Packet:
    """Matte a photo: a packet with its frame and matte. What is transparent in the photo stays transparent.

    `keep`: who stays, as of `subject_filter`. Raises NobodyThere if that is a point where nobody is.
    """
    packet = Packet(photo.flat(), Fraction(0), 0)
    packet.matte = finest_matte(packet.frame, engine)
    if photo.alpha is not None:
        alpha = np.minimum(packet.matte.alpha, photo.alpha)
        foreground = without_paper(packet.matte.foreground, packet.frame, photo.alpha, photo.frame)
        packet.matte = replace(packet.matte, alpha=alpha, foreground=foreground)
    subject = subject_filter(keep)
    if subject is not None:
        with naming(photo.name):
            subject(packet)
    return packet


def crop_to_people(photo: Photo, packet: Packet, margin: float) -> tuple[Photo, Packet]:
    """Crop a photo and its packet to the people, with a margin as of `people_box`. Raises MediaError if there is nobody."""
    matte = packet.fetch()
    box = people_box(matte.alpha, margin)
    if box is None:
        raise MediaError(f"{photo.name}: nobody is there to crop to; leave the picture whole")
    frame, alpha = np.ascontiguousarray(packet.frame[box]), np.ascontiguousarray(matte.alpha[box])
    cropped = replace(matte, alpha=alpha, foreground=np.ascontiguousarray(matte.foreground[box]))
    part = replace(
        photo,
        frame=frame if packet.frame is photo.frame else np.ascontiguousarray(photo.frame[box]),
        alpha=None if photo.alpha is None else np.ascontiguousarray(photo.alpha[box]),
        stored=None if photo.stored is None else np.ascontiguousarray(photo.stored[box]),
    )
    return part, replace(packet, frame=frame, matte=cropped)


def check_mask(photo: Photo, mask: Mask) -> None:
    """Raise MediaError if the aspect of a mask is not that of its photo."""
    (height, width), (mask_height, mask_width) = photo.frame.shape[:2], mask.shape
    if abs(np.log(mask_width / mask_height * height / width)) > ASPECT_TOLERANCE:
        sizes = f"{mask_width}x{mask_height} for a photo of {width}x{height}"
        raise MediaError(f"{photo.name}: its mask has another shape ({sizes}); is it the mask of this photo?")


def refine_mask(photo: Photo, mask: Mask, engine: Engine) -> Matte:
    """Refine a coarse mask of a photo into a matte (section 6 of the paper). Raises MediaError if their aspects differ."""
    check_mask(photo, mask)
    return engine(photo.flat(), mask)


@dataclass(frozen=True, slots=True)
class Writing:
    """How pictures made of photos are written: see `write_photo`.

    With `strip`, without where the photos were taken. `notify` gets a line for EXIF or XMP that is too large, and left out.
    """

    premultiplied: bool = False
    strip: bool = False
    overwrite: bool = True
    notify: Callable[[str], object] | None = None

    def write(self, path: Path, photo: Photo, colours: Pixels, alpha: Mask | None = None, *, profile: bytes = b"") -> None:
        """Write a picture with the metadata of its photo."""
        metadata = photo.metadata.without_place() if self.strip else photo.metadata
        metadata = metadata.of_size(*colours.shape[:2])
        kind = picture_format(path, alpha=alpha is not None)
        kept = metadata.within(kind.segment)
        write_photo(
            path,
            colours,
            alpha,
            profile=profile,
            metadata=kept,
            premultiplied=self.premultiplied,
            overwrite=self.overwrite,
        )
        if self.notify is not None:
            for name, lost in (("EXIF", kept.exif != metadata.exif), ("XMP", kept.xmp != metadata.xmp)):
                if lost:
                    self.notify(f"{path}: the {name} of {photo.name} is too large for {path.suffix}, and is left out")


PLAIN = Writing()


def write_alpha(path: Path, matte: Matte, photo: Photo, writing: Writing = PLAIN) -> None:
    """Write alpha as a grey picture, with as many bits as the photo has and the file can hold."""
    deep = photo.stored is not None and photo.stored.dtype == np.uint16
    writing.write(path, photo, to_sixteen_bits(matte.alpha) if deep else np.rint(matte.alpha * 255).astype(np.uint8))


def write_cut_out(path: Path, matte: Matte, photo: Photo, writing: Writing = PLAIN) -> None:
    """Write the foreground's colours with alpha, in the photo's own colour profile where the file can hold it."""
    colours, profile = in_own_colours(photo, matte.foreground, matte.alpha, path)
    writing.write(path, photo, colours, matte.alpha, profile=profile)


def write_composite(
    path: Path, packet: Packet, background: Background, photo: Photo, writing: Writing = PLAIN, *, light_wrap: float = 0.0
) -> None:
    """Write the finished picture on a background, in the photo's own colour profile where the file can hold it.

    The packet's matte is used up.
    """
    behind = background.frame(packet)
    alpha = packet.fetch().alpha
    if behind is packet.frame:
        colours, profile = in_own_colours(photo, behind, np.ones_like(alpha), path)
    else:
        foreground, profile = in_own_colours(photo, packet.fetch().foreground, alpha, path)
        own_background, _ = in_own_colours(photo, behind, None, path)
        colours = blend(foreground, alpha, own_background, light_wrap=light_wrap, in_place=own_background is not behind)
        del foreground, own_background
    del alpha, behind
    packet.matte = None  # of a large photo it is hundreds of megabytes, and encoding needs as much again
    writing.write(path, photo, colours, profile=profile)


def in_own_colours(photo: Photo, picture: Frame, kept: Mask | None, path: Path) -> tuple[Pixels, bytes]:
    """Convert an sRGB picture made of a photo to the photo's profile and depth, if the file to write can hold its profile.

    What the networks did not see of the photo, colours beyond sRGB and bits beyond the eighth, comes back where the photo is
    `kept`: float32 (H, W) in [0, 1], or None where nothing of it is. Where alpha is 1 and the networks left a colour as it was,
    it is that of the file, bit for bit; on edges their correction, which has 8 bits, is added to the file's own colour.
    """
    profile, stored = photo.profile, photo.stored
    if stored is None or (profile is not None and not picture_format(path, alpha=False).profile):
        return picture, b""
    own = np.empty(picture.shape, stored.dtype)
    full = np.iinfo(own.dtype).max
    for top in range(0, len(picture), BAND):
        rows = np.s_[top : top + BAND]
        colours, known = picture[rows], photo.frame[rows]
        if profile is not None:
            colours, known = profile.from_srgb(colours), profile.from_srgb(known)
        levels = colours.astype(np.float32) * np.float32(full / 255)
        if kept is not None:
            levels += kept[rows, :, None] * (stored[rows].astype(np.float32) - known * np.float32(full / 255))
        own[rows] = np.clip(np.rint(levels), 0, full)
    return own, b"" if profile is None else profile.data
