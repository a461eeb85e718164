"""What a run of `shm-video` is asked for, and what of that is refused before any work."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.commands.running import UsageError
from engines.engine import Engine
from realtime.choices import PIPE, STANDARD_OUTPUT
from realtime.commands.checks import (
    blaming,
    naming_options,
    notify,
    refuse_existing,
    refuse_existing_pictures,
    refuse_inputs,
    refuse_pictures,
)
from realtime.commands.encoding import check_preset
from realtime.compositing.composite import check_light_wrap
from realtime.compositing.subjects import subject_filter
from realtime.compositing.temporal import TemporalFilter
from realtime.inputs.pictures import is_still
from realtime.jobs.segment_folder import SegmentFolder
from realtime.jobs.settings import VideoSettings
from realtime.jobs.shards import Shard
from realtime.numbering import is_numbered
from realtime.outputs.formats import SEQUENCES
from realtime.paths import expand_home


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is the same for all videos of a run.

    Attributes:
        settings: what is to be done to each.
        alpha_target: the value of --alpha-out, for one video alone.
        resume: whether videos are written in segments that outlive an interruption.
        shard: the part of the work that is done here; None for all of it.
        load: loads the engine, once all that can be checked is checked.
        overwrite: whether files that exist may be replaced.
        dry_run: whether to say what would be done instead.
        as_json: whether to report in JSON on standard output, too.
        on_cluster: whether other machines do the work, by an engine that they choose.
    """

    settings: VideoSettings
    alpha_target: Path | None
    resume: bool
    shard: Shard | None
    load: Callable[[], Engine]
    overwrite: bool
    dry_run: bool
    as_json: bool
    on_cluster: bool = False


def check_settings(settings: VideoSettings) -> None:
    """Raise UsageError, before anything is loaded, for a setting that no video could be edited with."""
    with blaming("--keep", settings.keep):
        subject_filter(settings.keep, timed=True)
    with blaming("--smooth"):
        TemporalFilter(settings.smooth)
    if settings.masks:
        with naming_options(), blaming("--mask", *settings.masks):
            settings.filters()
    with blaming("--light-wrap"):
        check_light_wrap(settings.light_wrap)
    with naming_options(), blaming("--bg", settings.bg):
        settings.open_background().close()


def refuse(source: Path, target: Path, run: Run) -> None:
    """Raise UsageError if a video is none, or its file would replace another."""
    if run.settings.rate is not None and not is_numbered(source):
        raise UsageError(f"--rate: {source} is no sequence of pictures, such as frames/%05d.png; leave --rate out")
    if names := [each for each in (target, run.alpha_target) if str(each) in STANDARD_OUTPUT]:
        raise UsageError(f"{names[0]}: is standard output; write - for it")
    if source == PIPE:
        refuse_twice(run)
    if PIPE in (target, run.alpha_target):
        refuse_in_pipe(run)
    if run.resume or run.shard is not None:
        refuse_in_segments(target, run)
    check_preset(target, run.settings)
    inputs = {"--bg": expand_home(run.settings.bg), **({} if source == PIPE else {"IN": source})}
    if target != PIPE:
        for mask in run.settings.masks:
            refuse_inputs(target, {"--mask": expand_home(mask.rpartition("@")[0])})
        refuse_inputs(target, inputs)
        refuse_existing(target, overwrite=run.overwrite)
    for written in (target, run.alpha_target):
        if written is not None and is_numbered(source) and is_numbered(written):
            refuse_pictures(written, source)
        if written is not None and written.suffix.lower() in SEQUENCES:
            refuse_existing_pictures(written, overwrite=run.overwrite)
    if run.alpha_target is not None:
        if run.alpha_target != PIPE:
            refuse_inputs(run.alpha_target, {**inputs, "OUT": target})
            refuse_existing(run.alpha_target, overwrite=run.overwrite)
        if run.alpha_target.absolute() == target.absolute():
            raise UsageError(f"--alpha-out {run.alpha_target}: is OUT; name another file")
    if not run.resume and run.shard is None and SegmentFolder(target, "").is_there:
        notify(f"{target}: an interrupted run has left what it had done; --resume goes on from there")
    with naming_options():
        if source != PIPE and source.is_file() and is_still(source, max_pixels=run.settings.max_pixels):
            raise UsageError(f"{source}: is a picture, not a video; use shm-image for it")


def refuse_twice(run: Run) -> None:
    """Raise UsageError for an option that reads a video more than once, or not from its beginning."""
    settings = run.settings
    options = {
        "--resume": run.resume,
        "--shard": run.shard is not None,
        "--start": settings.excerpt.start is not None,
        "--mask": bool(settings.masks),
        f"--keep {settings.keep}": "@" in settings.keep,
    }
    for option in (name for name, given in options.items() if given):
        raise UsageError(f"{option}: a pipe can be read only once, from its beginning; write the video to a file first")


def refuse_in_pipe(run: Run) -> None:
    """Raise UsageError for an option that needs a file to write, or standard output for itself."""
    if run.resume or run.shard is not None:
        raise UsageError(f"{'--resume' if run.resume else '--shard'}: what is written to a pipe is gone; name a file as OUT")
    if run.as_json:
        raise UsageError("--json: standard output is taken by the video; leave one of them out")


def refuse_in_segments(target: Path, run: Run) -> None:
    """Raise UsageError for what cannot be written in segments, as --resume and --shard do."""
    for option, given in (("--nvenc", run.settings.nvenc), ("--alpha-out", run.alpha_target is not None)):
        if given:
            raise UsageError(f"{option}: cannot be resumed or sharded; leave it out, or --resume and --shard")
    if target.suffix.lower() in SEQUENCES:
        raise UsageError(f"{target}: a sequence of pictures cannot be resumed or sharded; write a video")
