"""One video to edit: opened and checked first, then run through an engine.

with VideoJob(Path("talk.mp4"), Path("out.mp4"), VideoSettings(bg="beach.jpg")) as job, load() as engine:
    report = job.run(engine, on_progress=print)
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from engines.engine import Engine
from realtime.choices import GREEN, MAX_PIXELS, SMOOTH, Fit, Keep, OutputKind, Preset
from realtime.compositing.backgrounds import Background, open_background
from realtime.compositing.composite import check_light_wrap
from realtime.compositing.filters import Filter, stream_filters
from realtime.inputs.video_file import VideoSource
from realtime.loop.edit_video import edit_video
from realtime.outputs.audio import AudioCopier
from realtime.outputs.formats import SEQUENCES
from realtime.outputs.sequence import PictureSequence
from realtime.outputs.sink import Sink
from realtime.outputs.video_file import VideoSink


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """What is to be done to a video, whichever it is.

    Attributes:
        bg, fit: the background, as `open_background` takes it.
        smooth: strength of the temporal filter.
        keep: who stays.
        light_wrap: how much of the background's light reaches over the edges, from 0 to 1.
        audio: whether to copy the sound.
        output_kind, premultiplied: what the file shows; `kind` of `VideoSink`.
        codec, crf, preset: how it is encoded; see `VideoSink`.
        max_pixels: of a frame or a background; larger ones are refused.
    """

    bg: str = GREEN
    fit: Fit = "cover"
    smooth: float = SMOOTH
    keep: Keep = "all"
    light_wrap: float = 0.0
    audio: bool = True
    output_kind: OutputKind = "composite"
    premultiplied: bool = False
    codec: str | None = None
    crf: int | None = None
    preset: Preset = "veryfast"
    max_pixels: int = MAX_PIXELS

    def open_background(self) -> Background:
        """Open the background anew: it serves one video. Raises MediaError or ValueError as `open_background` does."""
        return open_background(self.bg, fit=self.fit, max_pixels=self.max_pixels)

    def filters(self) -> list[Filter]:
        """New filters: they serve one video. Raises ValueError if `smooth` is out of range."""
        return stream_filters(self.keep, self.smooth)


@dataclass(frozen=True)
class VideoReport:
    """What was done.

    Attributes:
        target: the file that was written.
        frames: in it.
        seconds: from the first frame to the finished file.
        notes: a line for each thing that is missing in it.
    """

    target: Path
    frames: int
    seconds: float
    notes: list[str]

    @property
    def speed(self) -> str:
        """Frames, seconds and frames a second in words."""
        return f"{self.frames} frames in {self.seconds:.1f} s, {self.frames / self.seconds:.1f} frames/s"


class VideoJob:
    """A video, its background and the file to write, all open. A context manager: leaving it without `run` writes nothing.

    Args:
        source: the video.
        target: the file to write, which appears when it is complete.
        settings: what is to be done.
        alpha_target: a file to write the mattes to as well, in the format of `target` where it can hold that.
        overwrite: whether existing files may be replaced.

    Raises:
        AudioNotSupported: if `target` cannot hold the sound.
        MediaError: if a file cannot be read or written.
        ValueError: if a setting is out of range.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        settings: VideoSettings = VideoSettings(),
        *,
        alpha_target: Path | None = None,
        overwrite: bool = False,
    ) -> None:
        self.settings = settings
        self.target = target
        self._filters = settings.filters()
        check_light_wrap(settings.light_wrap)
        with ExitStack() as stack:
            self.source = stack.enter_context(VideoSource(source, max_pixels=settings.max_pixels))
            self._background = stack.enter_context(settings.open_background())
            self._audio: AudioCopier | None = None
            if settings.audio and self.source.audio and target.suffix.lower() not in SEQUENCES:
                self._audio = stack.enter_context(AudioCopier(source, origin=self.source.origin))
            self._sink = self._open_sink(target, settings, self._audio, overwrite=overwrite)
            stack.callback(self._sink.abort)  # which does nothing after `close`
            self._alpha_sink: Sink | None = None
            if alpha_target is not None:
                same = alpha_target.suffix.lower() in self._sink.codec.suffixes
                codec, crf = (self._sink.codec.name, settings.crf) if same else (None, None)
                of_alpha = replace(settings, output_kind="alpha", premultiplied=False, codec=codec, crf=crf)
                self._alpha_sink = self._open_sink(alpha_target, of_alpha, None, overwrite=overwrite)
                stack.callback(self._alpha_sink.abort)
            self._stack = stack.pop_all()

    def _open_sink(self, target: Path, settings: VideoSettings, audio: AudioCopier | None, *, overwrite: bool) -> Sink:
        source = self.source
        if target.suffix.lower() in SEQUENCES:
            return PictureSequence(
                target,
                width=source.width,
                height=source.height,
                pixel_aspect=source.pixel_aspect,
                kind=settings.output_kind,
                codec=settings.codec,
                premultiplied=settings.premultiplied,
                crf=settings.crf,
                overwrite=overwrite,
            )
        return VideoSink(
            target,
            width=source.width,
            height=source.height,
            rate=source.rate,
            time_base=source.time_base,
            pixel_aspect=source.pixel_aspect,
            kind=settings.output_kind,
            codec=settings.codec,
            premultiplied=settings.premultiplied,
            crf=settings.crf,
            preset=settings.preset,
            audio=audio,
            metadata=source.metadata,
            overwrite=overwrite,
        )

    def run(self, engine: Engine, on_progress: Callable[[int], object] = lambda frames: None) -> VideoReport:
        """Edit the video, once. `on_progress` is called with the number of frames so far; what it raises stops the job.

        Raises MediaError if reading or writing fails; nothing is left of the file then.
        """
        start = time.perf_counter()
        frames = edit_video(
            self.source,
            engine,
            self._background,
            self._sink,
            alpha_sink=self._alpha_sink,
            filters=self._filters,
            light_wrap=self.settings.light_wrap,
            on_progress=on_progress,
        )
        self._sink.close()
        if self._alpha_sink is not None:
            self._alpha_sink.close()
        return VideoReport(self.target, frames, time.perf_counter() - start, self._notes())

    def _notes(self) -> list[str]:
        source = self.source
        notes = []
        if source.damaged:
            notes.append(f"{source.path}: {source.damaged} damaged parts were left out")
        if source.shortfall is not None:
            notes.append(source.shortfall)
        if self._audio is not None and self._audio.damaged:
            notes.append(f"{source.path}: {self._audio.damaged} damaged packets of its audio were left out")
        if self.settings.audio and source.audio and self._audio is None:
            notes.append(f"{self.target}: pictures hold no sound; that of {source.path} is left out")
        return notes

    def close(self) -> None:
        """Close all files. What is not complete is removed."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()
