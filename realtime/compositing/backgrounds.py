"""What stands behind the person: a picture, a video, a colour, or the person's own surroundings out of focus.

with open_background("beach.jpg") as background:
    picture = composite(packet, background.frame(packet))
"""

import contextlib
import difflib
import re
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar

import cv2
import numpy as np
import webcolors
from numpy.typing import NDArray

from engines.engine import Frame
from engines.errors import MediaError
from realtime.inputs.photos import read_photo
from realtime.inputs.video_file import VideoSource
from realtime.packet import Packet

Fit = Literal["cover", "contain", "stretch"]
Pixel = TypeVar("Pixel", np.uint8, np.float32)

WORDS = ("blur", "checkerboard", "none")  # that name a background besides colours and files
LONGEST_STEP = Fraction(5)  # seconds between two packets; over a longer gap, or a step back, a video goes on where it was
BLUR_SIZE = 160  # pixels of the longer side that the blur works on, at most: as good to the eye as 512, and much faster
CHECK = 16  # px: the side of a square of the checkerboard
LIGHT, DARK = 204, 153  # levels of its squares
BLUR_SIGMA = 0.022  # standard deviation of the blur, as a part of the longer side


class Background:
    """Gives a picture of the packet's size to put behind its foreground. One object serves one stream."""

    def frame(self, packet: Packet) -> Frame:
        """The background of this packet: uint8 RGB (H, W, 3) of the size of its frame. Not to be written to."""
        raise NotImplementedError

    def close(self) -> None:
        """Gives back what the background holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def open_background(spec: str, *, fit: Fit = "cover") -> Background:
    """The background that a user's words name.

    Args:
        spec: the path of a picture or a video; a CSS colour name or #rrggbb; "blur", or "blur:2" for twice as strong;
            "checkerboard", which stands for transparent; or "none", which leaves the frame as it is. Where a file has the
            name of a colour, write ./red for the file.
        fit: "cover" fills the frame and cuts off what is over, "contain" shows all with black bars, "stretch" distorts.

    Raises MediaError where the file is missing, a folder or broken, or the colour is unknown.
    """
    if spec == "none":
        return Unchanged()
    if spec == "checkerboard":
        return Checkerboard()
    if re.fullmatch(r"blur(:.*)?", spec):
        return Blur(_strength(spec))
    with contextlib.suppress(ValueError):
        return Still(_colour(spec), fit="stretch")
    path = Path(spec).expanduser()
    if path.is_dir():
        raise MediaError(f"--bg {spec}: is a folder; name one picture or video in it")
    if not path.is_file():
        raise MediaError(_unknown(spec, path))
    if path.suffix.lower() != ".gif" and cv2.haveImageReader(str(path)):
        return Still(read_photo(path).flat(), fit=fit)
    return Video(path, fit=fit)


def fitted(picture: Frame, height: int, width: int, fit: Fit) -> Frame:
    """A picture, uint8 RGB (h, w, 3), brought to (height, width, 3); see `open_background` for `fit`."""
    own_height, own_width = picture.shape[:2]
    if fit == "contain":
        scale = min(height / own_height, width / own_width)
        inner_height, inner_width = max(1, round(own_height * scale)), max(1, round(own_width * scale))
        framed = np.zeros((height, width, 3), np.uint8)
        top, left = (height - inner_height) // 2, (width - inner_width) // 2
        framed[top : top + inner_height, left : left + inner_width] = _resized(picture, inner_height, inner_width)
        return framed
    if fit == "cover":
        keep_height = min(own_height, max(1, round(own_width * height / width)))
        keep_width = min(own_width, max(1, round(own_height * width / height)))
        top, left = (own_height - keep_height) // 2, (own_width - keep_width) // 2
        picture = picture[top : top + keep_height, left : left + keep_width]
    return _resized(picture, height, width)


class Still(Background):
    """A picture or a colour, rendered once for each size of frame."""

    def __init__(self, picture: Frame, *, fit: Fit) -> None:
        self._picture = picture
        self._fit: Fit = fit
        self._rendered = np.empty((0, 0, 3), np.uint8)

    def frame(self, packet: Packet) -> Frame:
        """The same array for every packet of a size."""
        if self._rendered.shape != packet.frame.shape:
            height, width, _ = packet.frame.shape
            self._rendered = lasting(fitted(self._picture, height, width, self._fit))
        return self._rendered


class Video(Background):
    """A video at its own rate, looped without end: decoded once, in order, with two frames in memory."""

    def __init__(self, path: Path, *, fit: Fit) -> None:
        self._source = VideoSource(path)
        self._fit: Fit = fit
        self._frames = self._looped()
        self._now = self._next = next(self._frames)
        self._rendered: Frame | None = None
        self._last: Fraction | None = None
        self._shift = Fraction(0)  # from the packets' time to the video's own

    def frame(self, packet: Packet) -> Frame:
        """The frame that is on show at the packet's time; the first packet meets the first frame."""
        if self._last is None or not 0 <= packet.time - self._last <= LONGEST_STEP:
            self._shift += (self._last or 0) - packet.time
        self._last = packet.time
        while self._next[0] <= packet.time + self._shift:
            self._now, self._next = self._next, next(self._frames)
            self._rendered = None
        if self._rendered is None or self._rendered.shape != packet.frame.shape:
            height, width, _ = packet.frame.shape
            self._rendered = lasting(fitted(self._now[1], height, width, self._fit))
        return self._rendered

    def close(self) -> None:
        """Closes the file."""
        self._frames.close()
        self._source.close()

    def _looped(self) -> Generator[tuple[Fraction, Frame], None, None]:
        """Every frame with its time in seconds, over and over, as if the video were endless."""
        usual = 1 / (self._source.rate or Fraction(25))
        end = Fraction(0)
        while True:
            shift: Fraction | None = None
            for packet in self._source:
                shift = end - packet.time if shift is None else shift
                end = packet.time + shift + (packet.duration or usual)
                yield packet.time + shift, packet.frame


class Blur(Background):
    """The frame's own background out of focus, from its background pixels only: the person's colours do not bleed into it.

    A normalised blur: blur(w * frame) / blur(w) with w = 1 - alpha, at a reduced size. `strength` 1 is usual, 2 twice as wide.
    """

    def __init__(self, strength: float = 1) -> None:
        self._sigma = BLUR_SIGMA * strength

    def frame(self, packet: Packet) -> Frame:
        """Raises ValueError where the packet has no matte yet."""
        alpha = packet.fetch().alpha
        height, width = packet.frame.shape[:2]
        small = _small(packet.frame).astype(np.float32)
        person = cv2.dilate(_small(alpha), np.ones((3, 3), np.uint8))
        # A small pixel on the edge is a mix of both: little person is enough to leave it out. Where there is person only,
        # far from any background, the tiny rest of the weight keeps the quotient defined; nothing shows there.
        weight = np.clip(1 - 4 * person, 1e-5, 1)[..., None]
        sigma = self._sigma * max(small.shape)
        weighted = cv2.GaussianBlur(np.concatenate([small * weight, weight], axis=2), (0, 0), sigma)
        blurred = np.clip(np.rint(weighted[..., :3] / weighted[..., 3:]), 0, 255).astype(np.uint8)
        return _resized(blurred, height, width)


class Checkerboard(Background):
    """Light and dark grey squares, as image editors show what is transparent."""

    def __init__(self) -> None:
        self._rendered = np.empty((0, 0, 3), np.uint8)

    def frame(self, packet: Packet) -> Frame:
        """The same array for every packet of a size."""
        if self._rendered.shape != packet.frame.shape:
            rows, columns = np.indices(packet.frame.shape[:2]) // CHECK
            squares = np.where((rows + columns) % 2, DARK, LIGHT).astype(np.uint8)
            self._rendered = lasting(np.ascontiguousarray(np.broadcast_to(squares[..., None], packet.frame.shape)))
        return self._rendered


class Unchanged(Background):
    """What was behind the person anyway: `composite` leaves such a frame as it is."""

    def frame(self, packet: Packet) -> Frame:
        """The packet's own frame."""
        return packet.frame


def lasting(picture: Frame) -> Frame:
    """The same array, which nobody can write to from now on: an engine that composites brings it to its device once."""
    picture.setflags(write=False)
    return picture


def _small(picture: NDArray[Pixel]) -> NDArray[Pixel]:
    """A picture halved until it is of the blur's size. An odd last row or column is dropped: halves of even sizes are fast."""
    while max(picture.shape) > BLUR_SIZE and min(picture.shape[:2]) > 1:
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        even = picture[: 2 * height, : 2 * width]
        picture = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), picture.dtype)
    return picture


def _resized(picture: Frame, height: int, width: int) -> Frame:
    shrinks = height < picture.shape[0] and width < picture.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(picture, (width, height), interpolation=way), np.uint8)


def _colour(spec: str) -> Frame:
    """One pixel of a CSS colour name or #rrggbb. Raises ValueError where it is neither."""
    red, green, blue = webcolors.hex_to_rgb(spec) if spec.startswith("#") else webcolors.name_to_rgb(spec)
    return np.array([[[red, green, blue]]], np.uint8)


def _strength(spec: str) -> float:
    """The number in "blur:2", or 1 without one. Raises MediaError unless it is from 0.1 to 10."""
    try:
        strength = float(spec.partition(":")[2] or 1)
    except ValueError:
        strength = 0
    if not 0.1 <= strength <= 10:
        raise MediaError(f"--bg {spec}: has no strength of blur; write a number from 0.1 to 10, such as blur:2")
    return strength


def _unknown(spec: str, path: Path) -> str:
    """What to say of a background that is neither a file nor a colour."""
    if spec.startswith("#"):
        return f"--bg {spec}: is no colour; write # and six digits from 0 to f, such as #00b140"
    if path.suffix or len(path.parts) > 1:
        return f"--bg {spec}: no such file; check the name"
    near = difflib.get_close_matches(spec.lower(), [*webcolors.names(), *WORDS], n=1)
    remedy = (
        f"did you mean {near[0]}?"
        if near
        else f"give a picture, a video, a colour such as green or #00b140, {' or '.join(WORDS)}"
    )
    return f"--bg {spec}: is neither a file nor a colour; {remedy}"
