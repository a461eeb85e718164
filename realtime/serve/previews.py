"""Previews of videos: pictures of their first seconds, edited as the whole would be."""

import io
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.engine import Engine
from realtime.choices import OutputKind
from realtime.compositing.backgrounds import Background
from realtime.compositing.subjects import naming
from realtime.compositing.views import render_view
from realtime.inputs.video_file import VideoSource
from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import open_source
from realtime.loop.edit_video import show
from realtime.loop.matting import make_matte
from realtime.packet import Packet
from realtime.serve.editing import in_words_of_parts
from realtime.serve.limits import Limits
from realtime.serve.video_queue import VIDEO, VideoOptions, check_length
from realtime.serve.work_queue import SharedEngines

PREVIEW_TYPE = "image/webp"
LENGTH = Fraction(2)  # s of the video
STEP = Fraction(1, 4)  # s from one picture to the next
LONGEST = 960  # px of the longer side of a picture: as wide as the page shows it
QUALITY, EFFORT = 80, 1  # of WebP: of 100, and of 6
ENOUGH = 8.0  # s of work, after which what there is must do


class Previewer:
    """Makes previews from any thread, with engines that any thread may call.

    A request's files lie in a folder of its own: `video`, and `background` if one was sent, which is shown instead of `bg`.
    """

    def __init__(self, engines: SharedEngines, limits: Limits) -> None:
        self._engines, self._limits = engines, limits

    def preview(self, folder: Path, options: VideoOptions) -> bytes:
        """An animated WebP of the first two seconds, at most four pictures a second; fewer where that would take long.

        The frames are matted at full size, and shown smaller. Raises MediaError for what a job would not edit.
        """
        settings = options.settings_in(folder, self._limits.pixels)
        with in_words_of_parts(folder, self._limits.pixels), open_source(folder / VIDEO, settings) as source:
            check_length(source, self._limits.video_seconds)
            with settings.open_background(source.pixel_aspect) as background, naming(source.path):
                return animation(pictures(source, self._engines.of(options.model), background, settings))


def pictures(
    source: VideoSource, engine: Engine, background: Background, settings: VideoSettings
) -> list[tuple[Fraction, Image.Image]]:
    """What a video with these settings shows, with the time of each picture in seconds; at least one picture."""
    end = time.monotonic() + ENOUGH
    filters = settings.filters()
    width, height = float(source.width * source.pixel_aspect), source.height
    scale = min(1.0, LONGEST / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    made: list[tuple[Fraction, Image.Image]] = []
    for packet in source:
        if made and (packet.time >= made[0][0] + LENGTH or time.monotonic() > end):
            break
        if made and packet.time < made[-1][0] + STEP:
            continue
        make_matte(packet, engine, filters)
        shown = rendered(packet, background, settings.output_kind, settings.light_wrap)
        made.append((packet.time, Image.fromarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA))))
    return made


def rendered(packet: Packet, background: Background, kind: OutputKind, light_wrap: float) -> NDArray[np.uint8]:
    """What a file shows of a packet, uint8: RGB (H, W, 3), or of a cutout RGBA (H, W, 4)."""
    if kind == "alpha":
        return render_view(packet, background, "alpha")
    show(packet, kind, background, light_wrap=light_wrap)
    assert packet.picture is not None
    if kind != "cutout":
        return packet.picture
    return np.dstack([packet.picture, cv2.convertScaleAbs(packet.fetch().alpha, alpha=255)])


def animation(made: list[tuple[Fraction, Image.Image]]) -> bytes:
    """Pictures as an endless WebP, each shown until the time of the next."""
    times = [time for time, _ in made]
    lengths = [round(1000 * (after - before)) for before, after in pairwise([*times, times[-1] + STEP])]
    (_, first), *others = made
    file = io.BytesIO()
    following = [picture for _, picture in others]
    first.save(file, "WEBP", save_all=True, append_images=following, duration=lengths, loop=0, quality=QUALITY, method=EFFORT)
    return file.getvalue()
