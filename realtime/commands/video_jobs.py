"""One video, or a folder of them, edited as the options of `shm-video` ask for, and reported."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from engines.commands.running import UsageError, printable
from engines.engine import Engine
from engines.errors import MattingError
from realtime.choices import PIPE
from realtime.commands.checks import (
    blaming,
    in_options,
    interlaced,
    naming_options,
    notify,
    refuse_existing,
    refuse_inputs,
    refuse_pictures,
)
from realtime.commands.encoding import check_encoding
from realtime.commands.progress import frames_progress
from realtime.compositing.composite import check_light_wrap
from realtime.compositing.subjects import subject_filter
from realtime.compositing.temporal import TemporalFilter
from realtime.inputs.media.numbered import RATE
from realtime.inputs.pictures import is_still
from realtime.jobs.photo_folders import make_folder
from realtime.jobs.plan import plan_video
from realtime.jobs.segment_folder import SegmentFolder
from realtime.jobs.settings import VideoSettings
from realtime.jobs.shards import Shard
from realtime.jobs.video_folders import video_files
from realtime.jobs.video_job import VideoJob
from realtime.numbering import is_numbered, sequences_in
from realtime.outputs.formats import SEQUENCES
from realtime.outputs.standard_output import ReaderGone
from realtime.outputs.target import check_target
from realtime.outputs.tracks.audio import AudioNotSupported

READER_GONE = 141  # exit code of programs that write to a pipe which nobody reads any more

Record = dict[str, Any]  # of a file, for JSON, with its status: written, planned, existed or failed


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
    """

    settings: VideoSettings
    alpha_target: Path | None
    resume: bool
    shard: Shard | None
    load: Callable[[], Engine]
    overwrite: bool
    dry_run: bool
    as_json: bool


def edit_file(source: Path, target: Path, run: Run) -> None:
    """Edit one video. Raises MattingError if that fails; typer.Exit if whoever reads standard output has ended."""
    if run.settings.rate is not None and not is_numbered(source):
        raise UsageError(f"--rate: {source} is no sequence of pictures, such as frames/%05d.png; leave --rate out")
    if run.shard is not None and target != PIPE and target.is_file() and not run.overwrite:  # joined by another shard
        notify(f"{target}: exists already")
        report(run, [{"source": str(source), "target": str(target), "status": "existed"}])
        return
    with ExitStack() as stack:
        refuse(source, target, run)
        if run.dry_run:
            if target != PIPE and target.suffix.lower() not in SEQUENCES:
                check_target(target, overwrite=run.overwrite)
            check_settings(run.settings)
            report(run, [plan(source, target, run)])
            return
        check_settings(run.settings)
        if run.resume:
            stack.callback(tell_what_is_kept, target)
        job = stack.enter_context(open_job(source, target, run, run.shard))
        engine = stack.enter_context(run.load())
        try:
            record = edit(job, engine)
        except ReaderGone as error:  # which has what it wanted
            raise typer.Exit(READER_GONE) from error
    report(run, [record], engine)


def edit_files(source: Path, target: Path, run: Run) -> None:
    """Edit all videos of a folder or a pattern, into the folder `target`. Those that fail are reported, and the others done.

    Raises typer.Exit with code 1 if some failed; MattingError if there is nothing to do them with.
    """
    if run.alpha_target is not None:
        raise UsageError(f"--alpha-out {run.alpha_target}: is for one video; for several take --output-kind alpha")
    if target == PIPE:
        raise UsageError(f"-: standard output holds one video, and {source} names several; name a folder to write to")
    if run.settings.rate is not None:
        raise UsageError("--rate: videos have times of their own; leave it out")
    found = video_files(source, target, run.settings.output_kind, run.settings.codec)
    check_settings(run.settings)
    jobs = found.jobs if run.shard is None else run.shard.of(found.jobs)
    to_do = [job for job in jobs if run.overwrite or not job[1].is_file()]
    records: list[Record] = [
        {"source": str(video), "target": str(path), "status": "existed"} for video, path in jobs if (video, path) not in to_do
    ]
    with ExitStack() as stack:
        engine = None if run.dry_run or not to_do else stack.enter_context(run.load())
        for video, path in to_do:
            try:
                refuse(video, path, run)
                if engine is None:
                    records.append(plan(video, path, run))
                    continue
                make_folder(path.parent, parents=True)
                with open_job(video, path, run) as job:
                    records.append(edit(job, engine))
            except MattingError as error:
                notify(f"error: {printable(in_options(error))}")
                records.append({"source": str(video), "target": str(path), "status": "failed", "error": in_options(error)})
    failed = report(run, records, engine, left_out=found.left_out)
    if failed:
        raise typer.Exit(1)


def sequence_of(folder: Path) -> Path:
    """The name of the numbered pictures of a folder. Raises UsageError unless it has one sequence of them."""
    try:
        found = sequences_in(folder)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error
    if not found:
        raise UsageError(f"{folder}: holds no numbered pictures for --rate; name another folder, or leave --rate out")
    if len(found) > 1:
        raise UsageError(f"{folder}: holds {len(found)} sequences; name one of them, such as {found[0]}")
    return found[0]


def tell_what_is_kept(target: Path) -> None:
    """Say so if a run has not completed its file, and segments of it are there."""
    if SegmentFolder(target, "").path.is_dir():
        notify(f"{target}: what is done is kept beside it; the same command goes on from there")


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
    if source == PIPE:
        refuse_twice(run)
    if PIPE in (target, run.alpha_target):
        refuse_in_pipe(run)
    inputs = {"--bg": Path(run.settings.bg).expanduser(), **({} if source == PIPE else {"IN": source})}
    if target != PIPE:
        for mask in run.settings.masks:
            refuse_inputs(target, {"--mask": Path(mask.rpartition("@")[0]).expanduser()})
        refuse_inputs(target, inputs)
        refuse_existing(target, overwrite=run.overwrite)
    for written in (target, run.alpha_target):
        if written is not None and is_numbered(source) and is_numbered(written):
            refuse_pictures(written, source)
    if run.alpha_target is not None:
        if run.alpha_target != PIPE:
            refuse_inputs(run.alpha_target, {**inputs, "OUT": target})
            refuse_existing(run.alpha_target, overwrite=run.overwrite)
        if run.alpha_target.absolute() == target.absolute():
            raise UsageError(f"--alpha-out {run.alpha_target}: is OUT; name another file")
    if not run.resume and run.shard is None and SegmentFolder(target, "").path.is_dir():
        notify(f"{target}: an interrupted run has left what it had done; --resume goes on from there")
    with naming_options():
        if source != PIPE and source.is_file() and is_still(source, max_pixels=run.settings.max_pixels):
            raise UsageError(f"{source}: is a picture, not a video; use shm-image for it")


def tell_rate(source: Path, settings: VideoSettings) -> None:
    """Say at which rate pictures are shown if the user has not."""
    if is_numbered(source) and settings.rate is None:
        notify(f"{source}: is taken at {RATE} pictures a second; --rate gives another")


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


@contextmanager
def in_words_of_options(target: Path, settings: VideoSettings) -> Iterator[None]:
    """Turn errors that an option would have averted into those that name it."""
    with naming_options():
        try:
            yield
        except AudioNotSupported as error:
            raise UsageError(f"{error} with --no-audio") from error
        except ValueError:
            check_encoding(target, settings)  # which names the option
            raise


def open_job(source: Path, target: Path, run: Run, shard: Shard | None = None) -> VideoJob:
    """Open a video and the file to write, or a shard of it. Raises MattingError in words of the options."""
    for option, given in (("--nvenc", run.settings.nvenc), ("--alpha-out", run.alpha_target is not None)):
        if given and (run.resume or shard is not None):
            raise UsageError(f"{option}: cannot be resumed or sharded; leave it out, or --resume and --shard")
    with in_words_of_options(target, run.settings):
        return VideoJob(
            source,
            target,
            run.settings,
            alpha_target=run.alpha_target,
            resume=run.resume,
            shard=shard,
            overwrite=run.overwrite,
        )


def plan(source: Path, target: Path, run: Run) -> Record:
    """Say what would be done. Raises MattingError in words of the options."""
    with in_words_of_options(target, run.settings):
        planned = plan_video(source, target, run.settings)
    notify(planned.line())
    tell_rate(source, run.settings)
    return planned.record()


def edit(job: VideoJob, engine: Engine) -> Record:
    """Run a job with a progress bar, and say what came of it."""
    source = job.source
    tell_rate(source.path, job.settings)
    told = source.interlaced
    if told:
        notify(interlaced(source.path))
    if job.software_because is not None:
        notify(f"{job.target}: {job.software_because}; it is encoded in software")
    if source.high_range is not None and job.settings.hdr == "sdr" and job.settings.output_kind != "alpha":
        notify(f"{source.path}: its high dynamic range becomes standard; --hdr keep keeps it")
    if job.sought:
        notify(f"{source.path}: its frames are searched first for who is at {' and '.join(job.sought)}")
    with frames_progress(job.target.name, source.frames) as on_progress:
        done = job.run(engine, on_progress)
    if source.interlaced and not told:
        notify(interlaced(source.path))
    for note in done.notes():
        notify(note)
    notify(f"{done.target}: {done.speed} ({engine.name} {engine.precision}, {engine.device})")
    return done.record()


def report(run: Run, records: Sequence[Record], engine: Engine | None = None, left_out: int | None = None) -> int:
    """Say how many videos were done, if there may be several, and write the records as JSON. Return how many failed."""
    count: Counter[str] = Counter(each["status"] for each in records)
    if left_out is not None:
        if left_out:
            notify(f"left out: {left_out} files that are no videos by their names")
        notes = {"existed already": count["existed"], "failed": count["failed"]}
        counts = "".join(f", {number} {note}" for note, number in notes.items() if number)
        notify(f"{count['planned']} videos to write{counts}" if run.dry_run else f"{count['written']} videos written{counts}")
    if run.as_json:
        runner = {} if engine is None else {name: getattr(engine, name) for name in ("name", "precision", "device", "model")}
        print(json.dumps({"engine": runner, "files": list(records)}, indent=2))
    return count["failed"]
