"""Videos of clients: taken one after another, edited as `shm-video` does it, kept for a while."""

import logging
import secrets
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from engines.errors import MattingError, MediaError
from engines.geometry import BASE
from realtime.choices import GREEN, SMOOTH, OutputKind
from realtime.compositing.composite import check_light_wrap
from realtime.inputs.video_file import VideoSource
from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import VideoJob
from realtime.outputs.formats import able
from realtime.scratch import Scratch
from realtime.serve.editing import BACKGROUND, in_words, in_words_of_parts, served_background
from realtime.serve.limits import Limits
from realtime.serve.work_queue import QueueFull, SharedEngines

log = logging.getLogger(__name__)

Suffix = Literal["mp4", "webm", "mov", "mkv"]
Status = Literal["queued", "running", "done", "failed", "cancelled"]
VIDEO = "video"  # the part of a request, and the file where it is stored
MEDIA_TYPES = {"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "mkv": "video/matroska"}
ENDED: tuple[Status, ...] = ("done", "failed", "cancelled")
LOOK = 1.0  # s between looks for what was kept long enough


class Cancelled(Exception):
    """The client wants no result any more."""


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """How a video is edited, as by `shm-video`. `bg` never names a file. Raises ValueError for a value that is wrong."""

    bg: str = GREEN
    light_wrap: float = 0.0
    keep: str = "all"
    smooth: float = SMOOTH
    show: OutputKind = "composite"
    suffix: Suffix = "mp4"
    model: str = BASE

    def __post_init__(self) -> None:
        check_light_wrap(self.light_wrap)
        self.settings().filters()
        served_background(self.bg)
        holding = [name for name in MEDIA_TYPES if any(f".{name}" in codec.suffixes for codec in able(self.show).values())]
        if self.suffix not in holding:
            raise ValueError(f"format: {self.suffix} has no alpha; take {', '.join(holding)}")

    def settings(self) -> VideoSettings:
        """The same for a `VideoJob`."""
        return VideoSettings(bg=self.bg, light_wrap=self.light_wrap, keep=self.keep, smooth=self.smooth, output_kind=self.show)

    def settings_in(self, folder: Path, max_pixels: int) -> VideoSettings:
        """The same with the background that lies in the folder of a request, if one was sent."""
        own = folder / BACKGROUND
        return replace(self.settings(), max_pixels=max_pixels, bg=str(own) if own.exists() else self.bg)


@dataclass(eq=False)
class ClientVideo:
    """A video and what becomes of it. `name` cannot be guessed: who knows it is the client.

    Attributes:
        frames, total: edited so far, and to be edited if the video says so.
        detail: what went wrong with a video that failed.
        notes: a line for each thing that a video that is done lacks, or has in another form.
    """

    options: VideoOptions
    folder: Path
    name: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    status: Status = "queued"
    frames: int = 0
    total: int | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()
    began: float = 0.0
    ended: float = 0.0

    @property
    def source(self) -> Path:
        """Where the client's bytes are."""
        return self.folder / VIDEO

    @property
    def background(self) -> Path:
        """Where the client's own background is, if it sent one: a picture or a video."""
        return self.folder / BACKGROUND

    @property
    def target(self) -> Path:
        """Where the result is."""
        return self.folder / f"result.{self.options.suffix}"

    @property
    def seconds_left(self) -> float | None:
        """About how long it will take still, if that is known."""
        if self.status != "running" or not self.frames or self.total is None:
            return None
        return max(0.0, (time.monotonic() - self.began) / self.frames * (self.total - self.frames))


def check_length(source: VideoSource, seconds: float) -> None:
    """Raise MediaError for a video that is longer, or does not say how long it is."""
    if source.duration is None:
        raise MediaError("the video does not say how long it is; convert it to MP4 first")
    if source.duration > seconds:
        raise MediaError(
            f"the video is {float(source.duration):.0f} s long, and {seconds:g} s are served at most; cut it first"
        )


class VideoQueue:
    """At most `limits.videos` videos that wait or are worked on; the thread of the `engines` takes one after another.

    Results are kept for `limits.keep_for` seconds. It works from `open` on; everything is gone after `close`.
    """

    def __init__(self, engines: SharedEngines, limits: Limits) -> None:
        self._engines, self._limits = engines, limits
        self._videos: dict[str, ClientVideo] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._root = Scratch()
        self._looked = 0.0  # for what was kept long enough, when last
        self._thread = threading.Thread(target=self._work, name="serve-videos")

    def open(self) -> None:
        """Be ready for videos."""
        self._root.path()
        self._thread.start()

    def place(self, options: VideoOptions) -> ClientVideo:
        """A place for a video, whose bytes then go into its `source`. Raises QueueFull."""
        with self._changed:
            self._forget_old()
            busy = sum(video.status not in ENDED for video in self._videos.values())
            if busy >= self._limits.videos:
                raise QueueFull(60)
            video = ClientVideo(options, self._root.path() / secrets.token_hex(8))
            video.folder.mkdir()
            self._videos[video.name] = video
            return video

    def start(self, video: ClientVideo) -> None:
        """Let the thread take a video whose bytes are there."""
        with self._changed:
            video.began = time.monotonic()
            self._changed.notify_all()

    def get(self, name: str) -> ClientVideo | None:
        """A client's video by its name."""
        return self._videos.get(name)

    def remove(self, video: ClientVideo) -> None:
        """Stop working on a video, and delete it and its result."""
        with self._changed:
            self._videos.pop(video.name, None)
            working = video.status == "running"
            video.status = "cancelled"
        if not working:  # else the thread does it
            shutil.rmtree(video.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop, and delete all."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._root.close()

    def _next(self) -> ClientVideo | None:
        return next((video for video in self._videos.values() if video.status == "queued" and video.began), None)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._forget_old()
                while (video := self._next()) is None and not self._closed:
                    self._changed.wait(LOOK)
                    self._forget_old()
                if video is None or self._closed:
                    return
                video.status, video.began = "running", time.monotonic()
            self._edit(video)
            with self._changed:
                video.ended = time.monotonic()
                if video.name not in self._videos:
                    shutil.rmtree(video.folder, ignore_errors=True)

    def _forget_old(self) -> None:
        with self._changed:
            self._looked = now = time.monotonic()
            for video in [each for each in self._videos.values() if each.ended and now - each.ended > self._limits.keep_for]:
                del self._videos[video.name]
                shutil.rmtree(video.folder, ignore_errors=True)

    def _edit(self, video: ClientVideo) -> None:
        def on_progress(frames: int) -> None:
            video.frames = frames
            if time.monotonic() - self._looked > LOOK:
                self._forget_old()
            if self._closed or video.status == "cancelled":
                raise Cancelled

        try:
            settings = video.options.settings_in(video.folder, self._limits.pixels)
            with in_words_of_parts(video.folder, self._limits.pixels), VideoJob(video.source, video.target, settings) as job:
                video.total = job.source.frames
                check_length(job.source, self._limits.video_seconds)
                report = job.run(self._engines.of(video.options.model), on_progress)
            video.notes = tuple(in_words(note, video.folder) for note in report.notes())
        except Cancelled:
            video.status = "cancelled"
        except (MattingError, ValueError) as error:
            self._fail(video, str(error))
        except Exception:  # the next video must not wait for ever
            log.exception("a video failed")
            self._fail(video, "the service failed")
        else:
            if video.status == "running":
                video.status, video.total = "done", video.frames
        finally:
            for sent in (video.source, video.background):
                with suppress(OSError):  # or the thread would end: its folder goes later anyway
                    sent.unlink()

    @staticmethod
    def _fail(video: ClientVideo, detail: str) -> None:
        if video.status == "running":
            video.status, video.detail = "failed", detail
