"""One video to edit: opened and checked first, then run through an engine.

with VideoJob(Path("talk.mp4"), Path("out.mp4"), VideoSettings(bg="beach.jpg")) as job, load() as engine:
    report = job.run(engine, on_progress=print)
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from engines.arguments import check_kind
from engines.engine import Engine
from engines.geometry import Size
from realtime.choices import PIPE
from realtime.closing import Closing
from realtime.compositing.composite import check_light_wrap
from realtime.compositing.filters import StreamFilter
from realtime.compositing.given_mask import MaskedSubject
from realtime.compositing.subjects import ChosenSubject, naming
from realtime.compositing.temporal import TemporalFilter
from realtime.inputs.media.files import Media
from realtime.inputs.media.kinds import media_of
from realtime.inputs.media.numbered import RATE, NumberedPictures
from realtime.inputs.media.piped import PipedVideo
from realtime.inputs.timestamps import WHOLE
from realtime.inputs.video_file import VideoSource
from realtime.jobs.report import VideoReport
from realtime.jobs.searching import Search, look_up_size
from realtime.jobs.segments import SegmentedSink, Stretch, describe_run
from realtime.jobs.settings import VideoSettings
from realtime.jobs.shards import Shard
from realtime.jobs.sinks import open_sink, settings_of_alpha
from realtime.loop.edit_video import Edited, edit_video
from realtime.numbering import is_numbered
from realtime.outputs.encoding.static_metadata import lost_metadata
from realtime.outputs.formats import SEQUENCES
from realtime.outputs.sink import Sink
from realtime.outputs.tracks.audio import AudioCopier
from realtime.outputs.tracks.subtitles import SubtitleCopier, in_words
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet
from realtime.paths import named

DEFAULTS = VideoSettings()


class VideoJob(Closing):
    """A video, its background and the file to write, all open. A context manager: leaving it without `run` writes nothing.

    Args:
        source: the video, or the name of numbered pictures, or "-" for standard input.
        target: the file to write, which appears when it is complete; or "-": standard output, for Matroska as it comes.
        settings: what is to be done.
        alpha_target: a file to write the mattes to as well, in the format of `target` where it can hold that.
        resume: whether to write segments, which an interruption leaves beside `target`, and to go on from those that are there.
        shard: the part of the segments that is written here, by one of several processes; the last one joins them.
        overwrite: whether existing files may be replaced.

    Raises:
        AudioNotSupported: if `target` cannot hold the sound.
        MediaError: if a file cannot be read or written.
        ValueError: if a setting is out of range.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        settings: VideoSettings = DEFAULTS,
        *,
        alpha_target: str | os.PathLike[str] | None = None,
        resume: bool = False,
        shard: Shard | None = None,
        overwrite: bool = False,
    ) -> None:
        source, target = named(source), named(target)
        check_kind("settings", settings, VideoSettings)
        self.settings = settings
        self.target = target
        self._shard = shard
        self._filters = settings.filters()
        if (resume or shard is not None) and (alpha_target is not None or settings.nvenc):
            raise ValueError("a second file, or one that NVENC encodes, cannot be resumed")
        check_light_wrap(settings.light_wrap)
        with ExitStack() as stack:
            self.source = stack.enter_context(open_source(source, settings))
            self._background = stack.enter_context(settings.open_background(self.source.pixel_aspect))
            self._audio = open_audio(self.source, settings, target)
            if self._audio is not None:
                stack.enter_context(self._audio)
            self._subtitles = open_subtitles(self.source, settings, target)
            if self._subtitles is not None:
                stack.enter_context(self._subtitles)
            self._sink: Sink = (
                SegmentedSink(
                    target,
                    self.source,
                    settings,
                    self._audio,
                    self._subtitles,
                    shard=shard,
                    overwrite=overwrite,
                )
                if resume or shard is not None
                else open_sink(target, self.source, settings, self._audio, self._subtitles, overwrite=overwrite)
            )
            stack.callback(self._sink.abort)  # which does nothing after `close`
            self.source.fine = self._sink.codec.deep is not None and settings.output_kind != "alpha" and not settings.nvenc
            self.source.keep_high_range = settings.hdr == "keep"
            if settings.hdr == "keep":
                self._sink.codec.check_high_range(nvenc=settings.nvenc)
            self._alpha_sink: Sink | None = None
            if alpha_target is not None:
                alpha_target = named(alpha_target)
                of_alpha = settings_of_alpha(settings, self._sink.codec, alpha_target)
                self._alpha_sink = open_sink(alpha_target, self.source, of_alpha, overwrite=overwrite)
                stack.callback(self._alpha_sink.abort)
            self._stack = stack.pop_all()

    @property
    def software_because(self) -> str | None:
        """Why software encodes although NVENC was asked for; None if it was not, or does."""
        return self._sink.software_because if isinstance(self._sink, VideoSink) else None

    @property
    def sought(self) -> list[str]:
        """Who is looked up in a first pass, as written."""
        elsewhere = self._shard is not None and self._shard.index > 1
        return [mark.text for each in self._chosen for mark in each.marks if elsewhere or mark.time is not None]

    @property
    def _chosen(self) -> list[ChosenSubject]:
        return [each for each in self._filters if isinstance(each, ChosenSubject)]

    def _lost_fonts(self) -> str:
        count = self.source.fonts - (0 if self._subtitles is None else self._subtitles.fonts)
        return f"{count} fonts" if count > 1 else "a font" if count else ""

    def _lost_metadata(self) -> list[str]:
        kept = self.source.high_range if self.settings.hdr == "keep" else None
        return [] if kept is None else lost_metadata(self._sink.codec, kept)

    def _frames(self) -> Iterator[Packet]:
        """The frames of the source, with the masks that were given for them."""
        masks = {index: mask for each in self._chosen if isinstance(each, MaskedSubject) for index, mask in each.masks.items()}
        for packet in self.source:
            packet.mask = masks.get(packet.index)
            yield packet

    def _release(self) -> None:
        self.source.media.release()
        self._sink.release()
        if self._alpha_sink is not None:
            self._alpha_sink.release()

    def _look_up(self, search: Search, engine: Engine, on_frame: Callable[[], object]) -> int:
        source = self.source
        size = look_up_size(engine, Size(source.height, source.width))
        with open_source(source.path, replace(self.settings, size=size or self.settings.size)) as again:
            return search.run(again, engine, Size(source.height, source.width), on_frame)

    def run(self, engine: Engine, on_progress: Callable[[int], object] = lambda frames: None) -> VideoReport:
        """Edit the video, once. `on_progress` is called with the number of frames so far; what it raises stops the job.

        Raises MediaError if reading or writing fails; nothing is left of the file then.
        """
        stretch = Stretch(0, 0, None)
        segmented = self._sink if isinstance(self._sink, SegmentedSink) else None
        if segmented is not None:
            stretch = segmented.resume(describe_run(self.source, self.settings, engine), self._filters)
        before = 0 if segmented is None else segmented.frames_before
        start = time.perf_counter()
        edited, searched = Edited(0, {}), 0
        if stretch.begin != stretch.end:
            passed = 0
            searches = [Search(each, self.source.begin) for each in self._chosen]
            for moment in self.source.skip(stretch.begin):
                self._background.follow(moment)
                for search in searches:
                    search.skip(moment)
                passed += 1
            warm_up = stretch.start - stretch.begin
            number = None if stretch.end is None else stretch.end - stretch.begin
            watch: Callable[[StreamFilter], Callable[..., object]] = (
                segmented.snapshots.watch if segmented else lambda each: each
            )
            filters = [watch(each) for each in self._filters if not isinstance(each, TemporalFilter)]
            ahead = [watch(each) for each in self._filters if isinstance(each, TemporalFilter)]

            def written(frames: int) -> int:
                return max(0, (frames if number is None else min(frames, number)) - warm_up)

            with naming(self.source.path):
                for search in searches:
                    if search.needed:
                        searched += self._look_up(search, engine, lambda: on_progress(before))
                edited = edit_video(
                    itertools.islice(self._frames(), number and number + len(ahead)),
                    engine,
                    self._background,
                    self._sink,
                    alpha_sink=self._alpha_sink,
                    filters=filters,
                    ahead=ahead,
                    light_wrap=self.settings.light_wrap,
                    release=self._release,
                    on_progress=lambda frames: on_progress(before + written(frames)),
                )
            if segmented is not None:
                segmented.finish(passed + edited.frames if stretch.end is None else None)
            edited = edited._replace(frames=written(edited.frames))
        for each in (self._audio, self._subtitles):
            if each is not None:
                each.end = self.source.end
        self._sink.close()
        if self._alpha_sink is not None:
            self._alpha_sink.close()
        lost_subtitles = self.source.subtitles if self._subtitles is None else self._subtitles.left_out
        lost = (in_words(lost_subtitles), self._lost_fonts(), self.source.left_out, *self._lost_metadata())
        return VideoReport(
            source=self.source.path,
            target=self.target,
            frames=before + edited.frames,
            done_before=before,
            searched=searched,
            complete=segmented is None or segmented.joined,
            seconds=time.perf_counter() - start,
            stage_ms=edited.stage_ms,
            damaged=self.source.damaged,
            damaged_audio=0 if self._audio is None else self._audio.damaged,
            shortfall=self.source.shortfall,
            converted_audio=None if self._audio is None else self._audio.converted,
            silent=self.settings.audio and bool(self.source.audio) and self._audio is None,
            converted_subtitles=None if self._subtitles is None else self._subtitles.converted,
            damaged_subtitles=0 if self._subtitles is None else self._subtitles.damaged,
            left_out=", ".join(each for each in lost if each),
        )

    def close(self) -> None:
        """Close all files. What is not complete is removed."""
        self._stack.close()


def open_source(path: Path, settings: VideoSettings) -> VideoSource:
    """Open the frames that are to be edited: of a video, of numbered pictures, or "-" for standard input.

    Raises MediaError as `VideoSource`, `NumberedPictures` and `PipedVideo` do; ValueError for a rate of a video.
    """
    media: Media
    if path == PIPE:
        media = PipedVideo()
    elif is_numbered(path):
        media = NumberedPictures(path, rate=settings.rate or RATE)
    else:
        if settings.rate is not None:
            raise ValueError(f"rate {settings.rate}: is for numbered pictures; a video has times of its own")
        media = media_of(path)
    return VideoSource(media, excerpt=settings.excerpt, size=settings.size, max_pixels=settings.max_pixels)


def open_audio(source: VideoSource, settings: VideoSettings, target: Path) -> AudioCopier | None:
    """Open the sound of a video, to be copied in step with its frames, if any is wanted and `target` holds sound."""
    if not settings.audio or not source.audio or target.suffix.lower() in SEQUENCES:
        return None
    return AudioCopier(
        source.media,
        origin=source.origin,
        from_origin=settings.excerpt.start is not None,
        convert=True,
        beside_chapters=bool(source.chapters),
    )


def open_subtitles(source: VideoSource, settings: VideoSettings, target: Path) -> SubtitleCopier | None:
    """Open the subtitles of a video, to be copied in step with its frames, if it has some and `target` holds them."""
    if not source.subtitles or target.suffix.lower() in SEQUENCES:
        return None
    length = None if settings.excerpt == WHOLE else source.duration
    return SubtitleCopier(source.media, target, origin=source.origin, length=length)
