"""A client's camera: one frame after another becomes a picture, as `shm-live` makes it."""

import io
from fractions import Fraction
from typing import Self

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engines.engine import Engine, Frame
from engines.errors import MediaError, TooManyPixels
from engines.geometry import SMALLEST
from realtime.choices import MAX_SMOOTH, SMOOTH
from realtime.compositing.backgrounds import Background, StillBackground
from realtime.compositing.filters import stream_filters
from realtime.compositing.views import render_view
from realtime.inputs.photos import read_photo
from realtime.loop.following import follow
from realtime.loop.matting import make_matte
from realtime.packet import Packet
from realtime.scratch import scratch_folder
from realtime.serve.editing import BACKGROUND, in_words_of_parts, served_background

OWN = "own"  # the background that the client sent, or is about to send
JPEG_QUALITY = 90


class LiveSettings(BaseModel):
    """How a client's camera is shown, as JSON. `bg` never names a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bg: str = Field("blur", max_length=100)
    light_wrap: float = Field(0.0, ge=0, le=1)
    keep: str = Field("all", max_length=100)
    smooth: float = Field(SMOOTH, ge=0, le=MAX_SMOOTH)
    token: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.bg != OWN:
            served_background(self.bg)
        stream_filters(self.keep, self.smooth)
        return self


def read_settings(text: str) -> LiveSettings:
    """Settings of JSON. Raises ValueError with one line for what is wrong."""
    try:
        return LiveSettings.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = f"{wrong['loc'][0]}: " if wrong["loc"] else ""
        raise ValueError(" ".join(f"{place}{wrong['msg']}".split())) from error


class LiveStream:
    """One client's stream, with its own temporal filter and background. Pictures are made one at a time, in any thread.

    `awaits_background`: whether the next message is a picture of the client's own, as its settings said.
    """

    def __init__(self, engine: Engine, settings: LiveSettings, *, max_pixels: int) -> None:
        self._engine, self._max_pixels = follow(engine), max_pixels
        self._index = 0
        self._settings = settings
        self._filters = stream_filters(settings.keep, settings.smooth)
        self.change(settings)

    def change(self, settings: LiveSettings) -> None:
        """Obey other settings. A change of the background leaves the filters' memory as it is."""
        if (settings.keep, settings.smooth) != (self._settings.keep, self._settings.smooth):
            self._filters = stream_filters(settings.keep, settings.smooth)
        self._own: Background | None = None
        self._named = served_background("blur" if settings.bg == OWN else settings.bg)  # until the client's own has come
        self._settings = settings
        self.awaits_background = settings.bg == OWN

    def take_background(self, data: bytes) -> None:
        """Show a picture of the client's behind the person. Raises MediaError if it cannot be read."""
        self.awaits_background = False  # also if it is broken: a frame that follows must not be taken for it
        with scratch_folder() as folder:
            (folder / BACKGROUND).write_bytes(data)
            with in_words_of_parts(folder, self._max_pixels):
                photo = read_photo(folder / BACKGROUND, max_pixels=self._max_pixels)
        self._own = StillBackground(photo.flat(), fit="cover")

    def picture(self, data: bytes, time: Fraction) -> bytes:
        """Make the picture, JPEG, of a frame that came at a time in seconds. Raises MediaError as `decode_frame` does."""
        background, filters = self._own or self._named, self._filters
        packet = Packet(decode_frame(data, self._max_pixels), time, self._index)
        self._index += 1
        make_matte(packet, self._engine, filters)
        shown = render_view(packet, background, "picture", light_wrap=self._settings.light_wrap)
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        return encoded.tobytes()


def decode_frame(data: bytes, max_pixels: int) -> Frame:
    """A frame, uint8 RGB (H, W, 3), of a JPEG or WebP. Raises MediaError if it is none, too small, or larger than the limit."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP")) as image:
            if image.width * image.height > max_pixels:
                raise TooManyPixels(f"the frame has more than {max_pixels / 1_000_000:g} megapixels; make it smaller", 0)
            if min(image.size) < SMALLEST:
                raise MediaError(f"the frame is too small; each side needs at least {SMALLEST} pixels")
            return np.ascontiguousarray(image.convert("RGB"))
    except MediaError:
        raise
    except Exception as error:  # Pillow has no error of its own
        raise MediaError("the frame is not a JPEG or WebP that can be read") from error
