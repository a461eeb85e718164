"""A video that is written in segments, so that an interruption costs one of them and not all."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor, log
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

import engines
from engines.atomic import replacing
from engines.closer import CloserEngine
from engines.engine import Engine
from engines.errors import FileAppeared, MediaError
from engines.weights import verified
from realtime.compositing.filters import StreamFilter
from realtime.inputs.video_file import VideoSource
from realtime.jobs.joining import Segment, join
from realtime.jobs.segment_folder import Memories, SegmentFolder, fingerprint
from realtime.jobs.settings import VideoSettings, split_mask
from realtime.jobs.shards import Shard, known_length, stamp
from realtime.jobs.sinks import open_sink
from realtime.outputs.formats import MOV, MP4, SEQUENCES
from realtime.outputs.sink import Sink
from realtime.outputs.target import check_target
from realtime.outputs.tracks.audio import AudioCopier
from realtime.outputs.tracks.subtitles import SubtitleCopier
from realtime.outputs.video_file import time_unit
from realtime.packet import Packet
from realtime.paths import expand_home

FRAMES = 250  # of a segment: what an interruption costs at most
REMEDY = "check the disk and its permissions"
EXACT = (*MP4, *MOV)  # files that keep times to the tick; the others round them to milliseconds


class Snapshots:
    """What the filters of a stream remember at the end of each segment, until it is taken. One may be ahead of the next."""

    def __init__(self) -> None:
        self._watched = 0
        self._kept: dict[int, dict[int, dict[str, NDArray[Any]]]] = {}

    def watch(self, each: StreamFilter) -> Callable[..., None]:
        """The same filter, whose memory is kept at the end of each segment. To be called for all filters, in their order."""
        place, self._watched = self._watched, self._watched + 1

        def watched(packet: Packet, *following: Packet | None) -> None:
            each(packet, *following)
            if (packet.index + 1) % FRAMES == 0:
                self._kept.setdefault(packet.index, {})[place] = each.memory()

        return watched

    def take(self, index: int) -> Memories:
        """What they remembered after a packet; nothing if no segment had to end there."""
        return [memory for _, memory in sorted(self._kept.pop(index, {}).items())]


class Stretch(NamedTuple):
    """The frames of a source to be written, by index: from `start` up to `end`. Those from `begin` on only warm up filters."""

    begin: int
    start: int
    end: int | None


class SegmentedSink(Sink):
    """A video file that is written in segments, and joined from them at the end, with its sound and subtitles.

    An interruption leaves the segments that are complete, and `resume` goes on behind them. Several processes may each write
    a shard of the segments; the last of them joins all.

    Attributes:
        folder: of the segments.
        joined: whether the file is complete.
        snapshots: which watch the filters.

    Args:
        path: of the file.
        source: whose frames it shows.
        settings: of the file.
        audio, subtitles: what to copy of the source.
        shard: of the segments that are written here; None for all.
        overwrite: whether an existing file may be replaced.

    Raises:
        AudioNotSupported: if the file cannot hold the sound.
        MediaError: if it cannot be written there.
        ValueError: for a quality that its codec does not take.
    """

    def __init__(
        self,
        path: Path,
        source: VideoSource,
        settings: VideoSettings,
        audio: AudioCopier | None,
        subtitles: SubtitleCopier | None,
        *,
        shard: Shard | None = None,
        overwrite: bool = False,
    ) -> None:
        if path.suffix.lower() in SEQUENCES:
            raise MediaError(f"{path}: a sequence of pictures cannot be resumed; write a video")
        check_target(path, overwrite=overwrite)
        self._stamp = stamp(path)
        codec = settings.codec_for(path)
        super().__init__(path, width=source.width, height=source.height, kind=settings.output_kind, codec=codec)
        if audio is not None:
            audio.check(path)
        self._source = source
        self._settings = replace(settings, codec=codec.name)
        self._audio = audio
        self._subtitles = subtitles
        self.snapshots = Snapshots()
        suffix = next((each for each in codec.suffixes if each in EXACT), path.suffix.lower())
        self._exact = suffix in EXACT
        self._unit = time_unit(Fraction(1, source.time_base.denominator))
        self.folder = SegmentFolder(path, suffix)
        self.joined = False
        self._shard = shard or Shard(1, 1)
        self._shared = self._shard.count > 1
        self._overwrite = overwrite
        self._first, self._last = self._range()
        self._complete: list[Segment] = []  # of this shard
        self._start = 0  # index of the first frame to write
        self._end = None if self._last is None else self._last * FRAMES  # and of the one behind the last
        self._sink: Sink | None = None
        self._begin, self._frames = Fraction(0), 0  # of the segment that is being written
        self._run: dict[str, Any] = {}  # what the segments are of
        self._claimed = False
        self._stack = ExitStack()
        if not self._shared:
            self._lock()

    def _lock(self) -> None:
        with self._media_errors(REMEDY):
            alone = not self._shared  # of two that resume both would write the same segments
            self._unfinished = self._stack.enter_context(replacing(self.path, overwrite=self._overwrite, alone=alone))

    def _range(self) -> tuple[int, int | None]:
        """The numbers of the first segment of this shard, and of the one behind its last; None where the video ends."""
        index, count = self._shard.index, self._shard.count
        if count == 1:
            return 0, None
        segments = ceil(known_length(self._source.path, self._source.frames) / FRAMES)
        return segments * (index - 1) // count, None if index == count else segments * index // count

    def resume(self, run: dict[str, Any], filters: Sequence[StreamFilter]) -> Stretch:
        """Take the segments of a run that is the same, let the filters recall their end, and return what is left to do.

        Raises MediaError if there are segments of another run, or of another version of the filters.
        """
        self.folder.check(run)
        self._run = run
        self._complete = self.folder.complete(self._first, self._last)
        number = self._first + len(self._complete)
        self._start = number * FRAMES
        end = self._end
        ends = self.folder.end()
        if number == self._last or (self._last is None and ends is not None and number == ends[0]):
            return Stretch(self._start, self._start, self._start)
        memories = self.folder.memories(number - 1, len(filters)) if number else None
        if memories is None:
            return Stretch(max(0, self._start - warm_up(self._settings)), self._start, end)
        try:
            for each, memory in zip(filters, memories, strict=True):
                each.recall(memory)
        except KeyError as error:
            raise MediaError(f"{self.folder.path}: is of another version of this program; remove the folder") from error
        return Stretch(self._start, self._start, end)

    def _claim(self) -> None:
        """Make the folder, once there is something to put into it."""
        if not self._claimed:
            self.folder.claim(self._run)
            self._claimed = True

    @property
    def frames_before(self) -> int:
        """Frames of the segments that were complete before."""
        return sum(segment.frames for segment in self._complete)

    def write(self, packet: Packet) -> None:
        """Write what the file shows of a packet. Raises as that of `VideoSink` does."""
        if packet.index < self._start or (self._end is not None and packet.index >= self._end):
            self.snapshots.take(packet.index)
            return
        if self._sink is None:
            self._claim()
            self._begin = round(packet.time / self._unit) * self._unit if self._exact else Fraction(floor(packet.time))
            file = self.folder.file(self._first + len(self._complete))
            self._sink = open_sink(file, self._source, self._settings, time_base=self._unit, overwrite=True)
        self._sink.write(replace(packet, time=packet.time - self._begin))
        self._frames += 1
        if self._frames == FRAMES:
            self._complete_segment(self.snapshots.take(packet.index))

    def _complete_segment(self, memories: Memories) -> None:
        assert self._sink is not None
        segment = Segment(self._sink.path, self._begin, self._frames)
        with self._media_errors(REMEDY):
            self.folder.describe(segment, memories)
        self._sink.close()
        if self._complete:
            self.folder.forget(self._complete[-1])
        self._complete.append(segment)
        self._sink, self._frames = None, 0

    def finish(self, frames: int | None) -> None:
        """Complete the last segment. `frames`: of the whole video, if its end was reached. Raises MediaError if that fails."""
        if self._sink is not None:
            self._complete_segment([])
        if frames is not None and self._last is None:
            self._claim()
            with self._media_errors(REMEDY):
                self.folder.write_end(ceil(frames / FRAMES), self._source.end)

    def close(self) -> None:
        """Join the segments if all are there, move the file into place, and remove them. Raises MediaError if that fails."""
        if self._shared:
            if not self._all():
                return
            try:
                self._lock()
            except FileAppeared:
                return  # another shard joins them
            if stamp(self.path) != self._stamp:
                return  # another shard has joined them, and is about to remove them
        segments = self._all()
        if not segments and self._shared:
            return  # another shard has joined them meanwhile
        if not segments:
            raise MediaError(f"{self.folder.path}: segments were removed from it; start again")
        try:
            join(segments, self._unfinished, self.path, source=self._source, audio=self._audio, subtitles=self._subtitles)
        except MediaError:
            if self._shared and stamp(self.path) != self._stamp:
                return  # another shard has joined and removed them meanwhile: where the file may be replaced, both can begin
            raise
        try:
            with self._media_errors(REMEDY):
                self._stack.close()
        except FileAppeared:  # the result is beside that
            self.folder.remove()
            raise
        self.joined = True
        self.folder.remove()

    def _all(self) -> list[Segment]:
        """All segments of the video, or nothing as long as one is missing; where the sound ends is known then."""
        ends = self.folder.end()
        if ends is None:
            return []
        number, end = ends
        segments = self.folder.complete(0, number)
        for each in (self._audio, self._subtitles):
            if each is not None:
                each.end = end
        return segments if len(segments) == number else []

    def abort(self) -> None:
        """Leave the segments that are complete, and what was there before as it was. After `close` it does nothing."""
        if self._sink is not None:
            self._sink.abort()
            self._sink = None
        self._stack.__exit__(GeneratorExit, GeneratorExit(), None)
        if self._claimed and not self._complete and not self.joined:
            (self.folder.remove_unused if self._shared else self.folder.remove)()


def warm_up(settings: VideoSettings) -> int:
    """Frames after which less than a level is left of what the temporal filter kept of a matte before them.

    Its optical flow remembers small differences for longer: mattes then differ by a few levels from those of one process.
    """
    return ceil(log(1 / 255) / log(settings.smooth)) if settings.smooth else 0


def describe_run(source: VideoSource, settings: VideoSettings, engine: Engine) -> dict[str, Any]:
    """All that the frames of a result depend on: segments are used again only where all of it is the same."""
    return {
        **describe_work(source, settings),
        "engine": [engine.name, engine.precision, engine.model, isinstance(engine, CloserEngine)],
        "weights": verified(engine.model)["sha256"],
    }


def describe_work(source: VideoSource, settings: VideoSettings) -> dict[str, Any]:
    """The same but for the engine."""
    background = expand_home(settings.bg)
    return {
        "video": fingerprint(*source.media.files),
        "masks": [fingerprint(split_mask(each)[0]) for each in settings.masks],
        "background": fingerprint(background) if background.is_file() else settings.bg,
        "options": {name: repr(value) for name, value in vars(settings).items()},
        "version": engines.__version__,
        "frames of a segment": FRAMES,
    }
