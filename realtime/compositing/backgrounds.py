"""Backgrounds: a picture, a video, a colour, or the frame's own surroundings out of focus.

with open_background("beach.jpg") as background:
    picture = composite(packet, background.frame(packet))
"""

import contextlib
import difflib
import os
import re
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from engines.arguments import check_fraction, check_max_pixels
from engines.engine import Frame, kind_of
from engines.errors import MediaError
from realtime.addresses import address_shown, is_loop
from realtime.choices import MAX_PIXELS, Fit, check_choice
from realtime.closing import Closing
from realtime.inputs.containers import NoVideo
from realtime.inputs.photos import read_photo
from realtime.inputs.pictures import is_still
from realtime.inputs.video_file import VideoSource
from realtime.packet import Packet
from realtime.paths import expand_home
from realtime.pixels.resize import resize, resize_to_fit

Pixel = TypeVar("Pixel", np.uint8, np.float32)

WORDS = ("blur", "checkerboard", "none")  # backgrounds besides colours and files
LONGEST_STEP = Fraction(5)  # seconds between two packets; after a longer gap, or a step back, a video resumes where it was
BLUR_SIZE = 160  # pixels of the longer side for the blur, at most: looks as good as 512, and is much faster
CHECK = 16  # px: the side of a square of the checkerboard
LIGHT, DARK = 204, 153  # levels of its squares
BLUR_SIGMA = 0.022  # standard deviation of the blur, as a fraction of the longer side


class Background(Closing):
    """Provides a picture of the packet's size to put behind its foreground. One object serves one stream."""

    def frame(self, packet: Packet) -> Frame:
        """The background of this packet: uint8 RGB (H, W, 3) of the size of its frame. Do not write to it.

        Of a video, raises MediaError if reading fails, and ValueError after that, or once it is closed.
        """
        raise NotImplementedError

    def follow(self, time: Fraction) -> None:
        """Move on to the time of a packet whose picture is not made, in seconds."""

    def close(self) -> None:
        """Release what the background holds."""


def open_background(
    spec: str | os.PathLike[str],
    *,
    fit: Fit = "cover",
    max_pixels: int = MAX_PIXELS,
    pixel_aspect: Fraction = Fraction(1),
) -> Background:
    """Open the background that a text or a path names.

    Args:
        spec: the path of a picture or a video; a CSS colour name or #rrggbb; "blur", or "blur:2" for twice as strong;
            "checkerboard", which stands for transparent; or "none", which leaves the frame as it is. If a file has the
            name of a colour, write ./red for the file.
        fit: "cover" fills the frame and crops what is over, "contain" shows everything between black bars, "stretch" distorts.
        max_pixels: of a picture or a frame; larger ones are refused before they are decoded.
        pixel_aspect: width of a pixel over its height, of the frames that it is for.

    Raises TooManyPixels for these; MediaError if it is neither a file nor a colour, or the file is missing, a folder or broken;
    ValueError for a malformed #rrggbb or strength of blur, an empty text, what is no text, or another argument that is none.
    """
    check_choice("fit", fit, Fit)
    check_max_pixels(max_pixels)
    check_fraction("pixel_aspect", pixel_aspect, "Fraction(16, 15)")
    if not isinstance(spec, str | os.PathLike):
        raise ValueError(f"a background is named by a text or a path, not {kind_of(spec)}; composite takes an array as it is")
    if spec == "":
        raise ValueError("is empty; name a background, or leave it out")
    if isinstance(spec, os.PathLike):  # a file, also where it has the name of a colour
        spec = os.path.join(".", spec)  # noqa: PTH118 - which Path would take out again
    if (named := named_background(spec)) is not None:
        return named
    path = expand_home(spec)
    try:
        folder = path.is_dir()
    except OSError as error:
        raise MediaError(f"{spec}: cannot be a file ({error.strerror}); check the name") from error
    if folder:
        raise MediaError(f"{spec}: is a folder; name one picture or video in it")
    if not path.is_file():
        if path.exists():
            raise MediaError(f"{spec}: is a device or a pipe; name a picture or a video")
        if spec.startswith("#"):
            raise ValueError(f"{spec}: is not a colour; write # and six digits from 0 to f, such as #00b140")
        raise MediaError(_unknown(spec, path))
    if is_still(path, max_pixels=max_pixels):
        return StillBackground(read_photo(path, max_pixels=max_pixels).flat(), fit=fit, pixel_aspect=pixel_aspect)
    try:
        return VideoBackground(path, fit=fit, max_pixels=max_pixels, pixel_aspect=pixel_aspect)
    except NoVideo as error:
        raise MediaError(f"{path}: is broken, or neither a picture nor a video that can be read; name another") from error


def named_background(spec: str) -> Background | None:
    """A background that is no file: a colour, blur, the checkerboard or none, as of `open_background`; None for another text.

    No file is looked for. Raises ValueError for a malformed strength of blur.
    """
    if spec == "none":
        return OriginalBackground()
    if spec == "checkerboard":
        return Checkerboard()
    if re.fullmatch(r"blur(:.*)?", spec):
        return BlurBackground(_strength(spec))
    with contextlib.suppress(ValueError):
        return StillBackground(_colour(spec), fit="stretch")
    return None


class StillBackground(Background):
    """A picture or a colour, rendered once for each size of frame."""

    def __init__(self, picture: Frame, *, fit: Fit, pixel_aspect: Fraction = Fraction(1)) -> None:
        self._picture = picture
        self._fit: Fit = fit
        self._aspect = 1 / pixel_aspect
        self._rendered = np.empty((0, 0, 3), np.uint8)

    def frame(self, packet: Packet) -> Frame:
        """The same array for every packet of a size."""
        if self._rendered.shape != packet.frame.shape:
            height, width, _ = packet.frame.shape
            self._rendered = read_only(resize_to_fit(self._picture, height, width, self._fit, aspect=self._aspect))
        return self._rendered


class VideoBackground(Background):
    """A video at its own rate, in an endless loop: decoded in order, with two frames in memory."""

    def __init__(self, path: Path, *, fit: Fit, max_pixels: int, pixel_aspect: Fraction) -> None:
        self._source = VideoSource(path, max_pixels=max_pixels)
        self._fit: Fit = fit
        self._aspect = self._source.pixel_aspect / pixel_aspect
        self._frames = self._looped()
        self._over = False
        self._now = self._next = next(self._frames)
        self._rendered: Frame | None = None
        self._last: Fraction | None = None
        self._shift = Fraction(0)  # from the packets' time to the video's own

    def frame(self, packet: Packet) -> Frame:
        """The frame at the packet's time; the first packet gets the first frame."""
        self.follow(packet.time)
        if self._rendered is None or self._rendered.shape != packet.frame.shape:
            height, width, _ = packet.frame.shape
            self._rendered = read_only(resize_to_fit(self._now[1], height, width, self._fit, aspect=self._aspect))
        return self._rendered

    def follow(self, time: Fraction) -> None:
        """Decode up to a time."""
        if self._over:
            raise ValueError(f"{self._source.path}: was closed, or could not be read on; open the background anew")
        if self._last is None or not 0 <= time - self._last <= LONGEST_STEP:
            self._shift += (self._last or 0) - time
        self._last = time
        while self._next[0] <= time + self._shift:
            self._now, self._next = self._next, next(self._frames)
            self._rendered = None

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._source.close()

    def _looped(self) -> Generator[tuple[Fraction, Frame], None, None]:
        """All frames with their times in seconds, over and over, as if the video were endless."""
        usual = 1 / (self._source.rate or Fraction(25))
        end = Fraction(0)
        try:
            while True:
                shift: Fraction | None = None
                for packet in self._source:
                    shift = end - packet.time if shift is None else shift
                    end = packet.time + shift + (packet.duration or usual)
                    yield packet.time + shift, packet.frame
        finally:
            self._over = True


class BlurBackground(Background):
    """The frame's own background out of focus, from background pixels only: the person's colours do not bleed into it.

    A normalised blur: blur(w * frame) / blur(w) with w = 1 - alpha, at a reduced size. `strength` 1 is usual, 2 twice as wide.
    """

    def __init__(self, strength: float = 1) -> None:
        self._sigma = BLUR_SIGMA * strength

    def frame(self, packet: Packet) -> Frame:
        """Blur the background of this frame. Raises ValueError if the packet has no matte yet."""
        alpha = packet.fetch().alpha
        height, width = packet.frame.shape[:2]
        small = _small(packet.frame).astype(np.float32)
        person = cv2.dilate(_small(alpha), np.ones((3, 3), np.uint8))
        # A small pixel on the edge mixes both: a little of the person is enough to exclude it. Where all is person, far from
        # any background, the tiny remaining weight keeps the quotient defined; nothing shows there.
        weight = np.clip(1 - 4 * person, 1e-5, 1)[..., None]
        sigma = self._sigma * max(small.shape)
        weighted = cv2.GaussianBlur(np.concatenate([small * weight, weight], axis=2), (0, 0), sigma)
        blurred = np.clip(np.rint(weighted[..., :3] / weighted[..., 3:]), 0, 255).astype(np.uint8)
        return resize(blurred, height, width)


class Checkerboard(Background):
    """Light and dark grey squares, as image editors show what is transparent."""

    def __init__(self) -> None:
        self._rendered = np.empty((0, 0, 3), np.uint8)

    def frame(self, packet: Packet) -> Frame:
        """The same array for every packet of a size."""
        if self._rendered.shape != packet.frame.shape:
            rows, columns = np.indices(packet.frame.shape[:2]) // CHECK
            squares = np.where((rows + columns) % 2, DARK, LIGHT).astype(np.uint8)
            self._rendered = read_only(np.ascontiguousarray(np.broadcast_to(squares[..., None], packet.frame.shape)))
        return self._rendered


class OriginalBackground(Background):
    """The frame's own background: `composite` leaves such a frame as it is."""

    def frame(self, packet: Packet) -> Frame:
        """The packet's own frame."""
        return packet.frame


def read_only(picture: Frame) -> Frame:
    """Mark an array as not writeable: an engine that composites uploads it to its device once."""
    picture.setflags(write=False)
    return picture


def _small(picture: NDArray[Pixel]) -> NDArray[Pixel]:
    """Halve a picture until it has the blur's size. An odd last row or column is dropped: even sizes are fast to halve."""
    while max(picture.shape) > BLUR_SIZE and min(picture.shape[:2]) > 1:
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        even = picture[: 2 * height, : 2 * width]
        picture = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), picture.dtype)
    return picture


def _colour(spec: str) -> Frame:
    """One pixel of a CSS colour name or #rrggbb. Raises ValueError if it is neither."""
    if not re.fullmatch(r"#([0-9a-f]{3}){1,2}", spec, re.IGNORECASE) and spec.lower() not in ImageColor.colormap:
        raise ValueError(f"{spec}: is not a colour")  # such as hsl() and #rrggbbaa, which Pillow takes
    return np.array([[ImageColor.getrgb(spec)]], np.uint8)


def _strength(spec: str) -> float:
    """The number in "blur:2", or 1 without one. Raises ValueError unless it is from 0.1 to 10."""
    try:
        strength = float(spec.partition(":")[2] or 1)
    except ValueError:
        strength = 0
    if not 0.1 <= strength <= 10:
        raise ValueError(f"{spec}: is not a strength of blur; write a number from 0.1 to 10, such as blur:2")
    return strength


def _unknown(spec: str, path: Path) -> str:
    """The message for a background that is neither a file nor a colour."""
    if (address := address_shown(spec)) is not None:
        return f"{address}: is an address; save what is there as a file, and name that"
    if is_loop(path):
        return f"{spec}: is a link that leads back to itself; name the file itself"
    if path.suffix or len(path.parts) > 1:
        return f"{spec}: no such file; check the name"
    near = difflib.get_close_matches(spec.lower(), [*ImageColor.colormap, *WORDS], n=1)
    remedy = (
        f"did you mean {near[0]}?"
        if near
        else f"give a picture, a video, a colour such as green or #00b140, {' or '.join(WORDS)}"
    )
    return f"{spec}: is neither a file nor a colour; {remedy}"
