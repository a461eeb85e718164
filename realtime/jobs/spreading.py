"""Videos cut into parts that a cluster edits at the same time: shards, as `shards.py` has them, each a task."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import engines
from engines.engine import Engine
from engines.errors import MattingError, WeightsError
from engines.weights import FOLDER, FOLDER_VARIABLE, digest
from realtime.jobs.report import VideoReport
from realtime.jobs.segment_folder import SegmentFolder
from realtime.jobs.segments import FRAMES
from realtime.jobs.settings import VideoSettings
from realtime.jobs.shards import Shard, stamp
from realtime.jobs.video_job import VideoJob
from realtime.paths import expand_home

if TYPE_CHECKING:
    from realtime.jobs.ray_cluster import Cluster


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """The engine that each process loads; see `engines.load`."""

    backend: str
    threads: int | None
    precision: str
    model: str
    weights: str  # the SHA-256 of the model's, as the machine that cuts the video has them
    closer: bool = True


class Runner(NamedTuple):
    """What is said of an engine."""

    name: str
    precision: str
    device: str
    model: str

    @classmethod
    def of(cls, engine: Engine) -> Self:
        """That of an engine."""
        return cls(engine.name, engine.precision, engine.device, engine.model)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A shard of a video, for a process on any of the machines: all paths are absolute.

    Attributes:
        stamp: that of `target` before the work began.
    """

    source: Path
    target: Path
    settings: VideoSettings
    engine: EngineChoice
    shard: Shard
    overwrite: bool
    stamp: int | None

    def __str__(self) -> str:
        return f"{self.target}, part {self.shard}"


class Done(NamedTuple):
    """What came of a part, and the engine that did it."""

    report: VideoReport
    runner: Runner


@dataclass
class Video:
    """A video that is edited in parts.

    Attributes:
        frames: about how many, as far as it says so.
        parts: the parts that it was cut into.
        done: what came of those that have ended; None of one that found the video complete.
    """

    source: Path
    target: Path
    frames: int | None
    parts: list[Part] = field(default_factory=list)
    done: list[Done | None] = field(default_factory=list)

    def cut(self, count: int, settings: VideoSettings, engine: EngineChoice, *, overwrite: bool) -> None:
        """Set the parts: so many, of which none has been done."""
        self.done = []
        self.parts = [
            Part(
                source=self.source.absolute(),
                target=self.target.absolute(),
                settings=on_any_machine(settings),
                engine=engine,
                shard=Shard(index, count),
                overwrite=overwrite,
                stamp=stamp(self.target),
            )
            for index in range(1, count + 1)
        ]

    @property
    def complete(self) -> bool:
        """Whether the file is there."""
        return any(each is None or each.report.complete for each in self.done)

    def result(self, seconds: float) -> Done | None:
        """What came of all parts, in so many seconds, and the engine. None if the file was there already.

        Times of stages are those of the slowest part.
        """
        reports = [each.report for each in self.done if each is not None]
        joined = next((each for each in self.done if each is not None and each.report.complete), None)
        if joined is None:
            return None
        frames = sum(each.frames for each in reports)
        new = sum(each.frames - each.done_before for each in reports)
        if None in self.done:  # whose frames are in the file, too
            frames = max(frames, self.frames or 0)
        stages = max((each.stage_ms for each in reports), key=len)  # there are none of a part that had nothing left to do
        report = replace(
            joined.report,
            source=self.source,
            target=self.target,
            frames=frames,
            done_before=frames - new,
            searched=sum(each.searched for each in reports),
            seconds=seconds,
            stage_ms={name: max(each.stage_ms.get(name, 0) for each in reports) for name in stages},
            damaged=max(each.damaged for each in reports),  # each part decodes from the beginning on
            shortfall=next((each.shortfall for each in reports if each.shortfall is not None), None),
        )
        return Done(report, joined.runner)


def edit_videos(
    cluster: "Cluster",
    videos: Sequence[Video],
    *,
    cpus: int,
    gpus: int,
    on_progress: Callable[[int], object],
    on_again: Callable[[Part], object],
) -> Iterator[tuple[Video, MattingError | None]]:
    """Edit the parts of videos on a cluster, and yield each video when it is complete, or with the error that prevents that.

    Args:
        cpus, gpus: of each part.
        on_progress: is called with the number of frames so far.
        on_again: is called with a part that is done again because the process that did it has died.
    """

    def submit(video: Video) -> None:
        for part in video.parts:
            whose[part] = video
            cluster.submit(part, edit_part, part, cpus=cpus, gpus=gpus)

    whose: dict[Part, Video] = {}
    for video in videos:
        submit(video)
    for part, outcome in cluster.outcomes(on_progress, on_again):
        video = whose[part]
        if isinstance(outcome, MattingError):
            cluster.cancel(video.parts)
            yield video, outcome
            continue
        video.done.append(outcome)
        if len(video.done) < len(video.parts):
            continue
        if video.complete:
            SegmentFolder(video.target, "").remove()  # of a part that was done again, and did not see that
            yield video, None
        else:  # something kept the last one from joining: a last attempt, which does so or says why not
            video.cut(1, part.settings, part.engine, overwrite=part.overwrite)
            submit(video)


def edit_part(part: Part, tell: Callable[[int], None]) -> Done | None:
    """Edit a part; `tell` is called with its frames so far. None if the video is complete already: another part has joined it.

    Raises MediaError and BackendUnavailable as `VideoJob` and `engines.load` do.
    """
    if stamp(part.target) != part.stamp:
        return None
    try:
        with VideoJob(part.source, part.target, part.settings, shard=part.shard, overwrite=part.overwrite) as job:
            engine = engine_of_process(part.engine)
            return Done(job.run(engine, tell), Runner.of(engine))
    except MattingError:
        if stamp(part.target) != part.stamp:  # meanwhile
            return None
        raise


@lru_cache(maxsize=1)
def engine_of_process(choice: EngineChoice) -> Engine:
    """The engine of this process, which serves all parts that it is given. Raises WeightsError if it has other weights."""
    options = vars(choice) | {"at_once": 2}
    if options.pop("weights") != digest(choice.model):
        folder = FOLDER / choice.model
        raise WeightsError(
            f"{folder}: holds other weights than the command takes; name its folder in {FOLDER_VARIABLE} there, too"
        )
    return engines.load(options.pop("backend"), **options)


def counts(lengths: Sequence[int | None], slots: int) -> list[int]:
    """Into how many parts videos of so many frames are cut, so that none is longer than an equal share of `slots` processes.

    A video of unknown length, None, is not cut.
    """
    segments = [1 if frames is None else max(1, ceil(frames / FRAMES)) for frames in lengths]
    share = ceil(sum(segments) / slots)
    return [ceil(each / share) for each in segments]


def on_any_machine(settings: VideoSettings) -> VideoSettings:
    """Settings whose files have absolute paths."""
    background = expand_home(settings.bg)
    masks = (each.rpartition("@") for each in settings.masks)
    return replace(
        settings,
        bg=str(background.absolute()) if background.is_file() else settings.bg,
        masks=tuple(f"{expand_home(name).absolute()}@{time}" for name, _, time in masks),
    )
