"""`shm-video --ray`: videos that the machines of a cluster edit in parts."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engines.backends import BACKENDS
from engines.commands.options import check_precision, unavailable
from engines.commands.running import UsageError, needs_extra
from engines.errors import BackendUnavailable, MattingError
from realtime.choices import PIPE
from realtime.commands.checks import notify
from realtime.commands.progress import frames_progress
from realtime.commands.video_jobs import (
    Job,
    Record,
    conclude,
    edit_here,
    failure,
    files_to_do,
    introduce,
    open_job,
    report,
    tell_what_is_kept,
    telling_what_is_kept,
)
from realtime.commands.video_run import Run, check_settings, refuse
from realtime.jobs.photo_folders import make_folder
from realtime.jobs.spreading import EngineChoice, Part, Runner, Video, counts, edit_videos

if TYPE_CHECKING:
    from realtime.jobs.ray_cluster import Cluster, Machine

CPUS = 4  # of a part, where a machine has so many: more parts at a time would need more memory, and fewer share worse


def edit_on_cluster(
    sources: Sequence[Path], target: Path, run: Run, address: str, engine: EngineChoice, *, several: bool
) -> None:
    """Edit one video, several, or all of a folder or a pattern, on a Ray cluster.

    Raises as `edit_file` and `edit_files` do; UsageError if the cluster cannot be used, or an option does not go with it.
    """
    refuse_with_cluster(sources, target, run)
    check_precision(engine.backend, engine.precision)
    run = replace(run, resume=True, on_cluster=True)  # what is done is kept
    if run.dry_run:
        edit_here(sources, target, run, several=several)
        return
    with needs_extra("ray"):
        from realtime.jobs.ray_cluster import Cluster
    left_out: int | None = None
    to_do: list[Job] = [(sources[0], target)]
    records: list[Record] = []
    if several:
        left_out, to_do, records = files_to_do(sources, target, run)
    else:
        check_settings(run.settings)
    videos: list[Video] = []
    for each in to_do:
        try:
            videos.append(look_at(each, run, several=several))
        except MattingError as error:
            if not several:
                raise
            records.append(failure(*each, error))
    runner = None
    with ExitStack() as stack:
        for video in videos:
            stack.enter_context(telling_what_is_kept(video.target))
        if videos:
            cluster = stack.enter_context(open_cluster(Cluster, address))
            runner = spread(videos, run, cluster, engine, records, several=several)
    if report(run, records, runner, left_out):
        raise typer.Exit(1)


def refuse_with_cluster(sources: Sequence[Path], target: Path, run: Run) -> None:
    """Raise UsageError for what does not go with --ray."""
    if PIPE in (*sources, target):
        raise UsageError("--ray: other machines cannot reach a pipe; name files on a disk that all of them share")
    options = {"--shard": run.shard is not None, "--alpha-out": run.alpha_target is not None, "--nvenc": run.settings.nvenc}
    for option in (name for name, given in options.items() if given):
        raise UsageError(f"{option}: does not go with --ray; leave one of them out")


def look_at(job: Job, run: Run, *, several: bool) -> Video:
    """Check a video and the file to write, and say what is special about it. Raises MattingError."""
    source, target = job
    refuse(source, target, run)
    if several:
        make_folder(target.parent, parents=True)
    with open_job(source, target, run) as opened:
        introduce(opened)
        return Video(source, target, opened.source.frames)


def open_cluster(kind: "type[Cluster]", address: str) -> "Cluster":
    """Connect to a cluster. Raises UsageError if that fails."""
    try:
        return kind(address)
    except (MattingError, ValueError) as error:
        raise UsageError(f"--ray {error}") from error


def spread(
    videos: Sequence[Video], run: Run, cluster: "Cluster", choice: EngineChoice, records: list[Record], *, several: bool
) -> Runner | None:
    """Edit videos on a cluster, add their records, and return the engine that did it.

    Raises MattingError if that fails, unless they are several.
    """
    engine, cpus, gpus = resources(cluster.machines, choice)
    slots = sum(min(each.cpus // cpus, each.gpus // gpus if gpus else each.cpus) for each in cluster.machines)
    share = f"{cpus} CPU{'s' * (cpus > 1)}{' and a GPU' * gpus}"
    notify(f"{cluster.name}: {slots} parts at a time, each on {share}, by {engine.backend}")
    for video, count in zip(videos, counts([each.frames for each in videos], slots), strict=True):
        video.cut(count, run.settings, engine, overwrite=run.overwrite)
    lengths = [each.frames for each in videos if each.frames is not None]
    name = f"{len(videos)} videos" if several else videos[0].target.name
    start, runner = time.perf_counter(), None
    with frames_progress(name, sum(lengths) if len(lengths) == len(videos) else None) as on_progress:
        for video, error in edit_videos(cluster, videos, cpus=cpus, gpus=gpus, on_progress=on_progress, on_again=tell_of_death):
            if error is not None:
                error = unavailable(engine.backend, error) if isinstance(error, BackendUnavailable) else error
                if not several:
                    raise error
                records.append(failure(video.source, video.target, error))
                tell_what_is_kept(video.target, error)
            elif (done := video.result(time.perf_counter() - start)) is None:
                notify(f"{video.target}: exists already")
                records.append({"source": str(video.source), "target": str(video.target), "status": "existed"})
            else:
                runner = done.runner
                records.append(conclude(done.report, runner))
    return runner


def tell_of_death(part: Part) -> None:
    """Say that a part is done again."""
    notify(f"{part}: its worker died; another one goes on from what is done")


def resources(machines: "Sequence[Machine]", choice: EngineChoice) -> tuple[EngineChoice, int, int]:
    """The engine that all parts are edited by, and how many CPUs and GPUs each gets.

    Raises UsageError if no machine has them.
    """
    has_gpu = any(each.gpus for each in machines)
    backend = choice.backend
    if backend == "auto":  # all parts of a video need the same one
        backend = next(
            name
            for name, each in BACKENDS.items()
            if each.devices == ("cpu",) or (has_gpu and "gpu" in each.devices and not each.missing_packages())
        )
    devices = BACKENDS[backend].devices
    if devices == ("gpu",) and not has_gpu:
        raise UsageError(f"--backend {backend}: no machine of the cluster has a GPU; take another backend, or another cluster")
    gpus = int(has_gpu and "gpu" in devices)
    most = max((each.cpus for each in machines if each.gpus >= gpus), default=0)
    cpus = choice.threads or min(CPUS, most)
    if not most:
        raise UsageError("--ray: the cluster has no CPUs for this; add machines to it")
    if cpus > most:
        raise UsageError(f"--threads {cpus}: no machine of the cluster has so many CPUs; the most are {most}")
    return replace(choice, backend=backend, threads=cpus), cpus, gpus
