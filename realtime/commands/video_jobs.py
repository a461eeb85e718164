"""One video, or a folder of them, edited as the options of `shm-video` ask for, and reported."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from engines.commands.running import UsageError, printable
from engines.engine import Engine
from engines.errors import FileAppeared, MattingError, OtherSegments
from realtime.choices import PIPE
from realtime.commands.checks import in_options, interlaced, naming_options, notify, refuse_file_as_folder, tell_whole_names
from realtime.commands.encoding import check_encoding
from realtime.commands.progress import frames_progress
from realtime.commands.video_run import Run, check_settings, refuse
from realtime.inputs.media.numbered import RATE
from realtime.jobs.photo_folders import make_folder
from realtime.jobs.plan import check_place, plan_video
from realtime.jobs.report import VideoReport
from realtime.jobs.segment_folder import SegmentFolder
from realtime.jobs.settings import VideoSettings
from realtime.jobs.spreading import Runner, on_any_machine
from realtime.jobs.video_folders import named_videos, video_files
from realtime.jobs.video_job import VideoJob
from realtime.numbering import is_numbered, sequences_in
from realtime.outputs.standard_output import ReaderGone
from realtime.outputs.tracks.audio import AudioNotSupported

READER_GONE = 141  # exit code of programs that write to a pipe which nobody reads any more

Job = tuple[Path, Path]  # a video, and the file to write
Record = dict[str, Any]  # of a file, for JSON, with its status: written, planned, existed or failed


def edit_here(sources: Sequence[Path], target: Path, run: Run, *, several: bool) -> None:
    """Edit one video, or several, on this machine. Raises as `edit_file` and `edit_files` do."""
    if several:
        edit_files(sources, target, run)
    else:
        edit_file(sources[0], target, run)


def edit_file(source: Path, target: Path, run: Run) -> None:
    """Edit one video. Raises MattingError if that fails; typer.Exit if whoever reads standard output has ended."""
    if run.shard is not None and target != PIPE and target.is_file() and not run.overwrite:  # joined by another shard
        notify(f"{target}: exists already")
        report(run, [{"source": str(source), "target": str(target), "status": "existed"}])
        return
    with ExitStack() as stack:
        refuse(source, target, run)
        if run.dry_run:
            for written in (target, *([] if run.alpha_target is None else [run.alpha_target])):
                check_place(written, overwrite=run.overwrite)
            check_settings(run.settings)
            report(run, [plan(source, target, run)])
            return
        check_settings(run.settings)
        if run.resume:
            stack.enter_context(telling_what_is_kept(target))
        job = stack.enter_context(open_job(source, target, run))
        engine = stack.enter_context(run.load())
        try:
            record = edit(job, engine)
        except ReaderGone as error:  # which has what it wanted
            raise typer.Exit(READER_GONE) from error
    report(run, [record], engine)


def edit_files(sources: Sequence[Path], target: Path, run: Run) -> None:
    """Edit several videos, or all of a folder or a pattern, into the folder `target`.

    Those that fail are reported, and the others done. Raises typer.Exit with code 1 if some failed; MattingError if there is
    nothing to do them with.
    """
    left_out, to_do, records = files_to_do(sources, target, run)
    run = replace(run, shard=None)  # whose videos these are, each as a whole
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
                records.append(failure(video, path, error))
    if report(run, records, engine, left_out=left_out):
        raise typer.Exit(1)


def files_to_do(sources: Sequence[Path], target: Path, run: Run) -> tuple[int, list[Job], list[Record]]:
    """What there is to do with several videos, a folder or a pattern.

    That is the number of files left out, the videos, and records of those that exist. Raises MattingError if that cannot be
    found out, or for options that only one video takes.
    """
    if run.alpha_target is not None:
        raise UsageError(f"--alpha-out {run.alpha_target}: is for one video; for several take --output-kind alpha")
    if target == PIPE:
        names = f"{sources[0]} names" if len(sources) == 1 else "IN names"
        raise UsageError(f"-: standard output holds one video, and {names} several; name a folder to write to")
    if run.settings.rate is not None:
        raise UsageError("--rate: videos have times of their own; leave it out")
    if PIPE in sources:
        raise UsageError("-: standard input holds one video; name it alone, or files alone")
    kind, codec = run.settings.output_kind, run.settings.codec
    one = len(sources) == 1
    found = video_files(sources[0], target, kind, codec) if one else named_videos(sources, target, kind, codec)
    refuse_file_as_folder(target, "videos")
    check_settings(run.settings)
    jobs = found.jobs if run.shard is None else run.shard.of(found.jobs)
    tell_whole_names(jobs)
    for folder in found.closed:
        notify(f"{folder}: no permission to look into it; what is there is left out")
    to_do = [job for job in jobs if run.overwrite or not job[1].is_file()]
    existed = [job for job in jobs if job not in to_do]
    records: list[Record] = [{"source": str(video), "target": str(path), "status": "existed"} for video, path in existed]
    return found.left_out, to_do, records


def failure(source: Path, target: Path, error: MattingError) -> Record:
    """Say why a video of several failed, and return its record."""
    notify(f"error: {printable(in_options(error))}")
    return {"source": str(source), "target": str(target), "status": "failed", "error": in_options(error)}


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


@contextmanager
def telling_what_is_kept(target: Path) -> Iterator[None]:
    """Say so if the run inside the block does not complete its file, and segments of it are there."""
    try:
        yield
    except BaseException as error:
        tell_what_is_kept(target, error)
        raise


def tell_what_is_kept(target: Path, error: BaseException) -> None:
    """Say so if segments of a file are there, unless the same command would be refused again: the error has the remedy then."""
    if not isinstance(error, FileAppeared | OtherSegments | UsageError) and SegmentFolder(target, "").is_there:
        notify(f"{target}: what is done is kept beside it; the same command goes on from there")


def tell_rate(source: Path, settings: VideoSettings) -> None:
    """Say at which rate pictures are shown if the user has not."""
    if is_numbered(source) and settings.rate is None:
        notify(f"{source}: is taken at {RATE} pictures a second; --rate gives another")


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


def open_job(source: Path, target: Path, run: Run) -> VideoJob:
    """Open a video and the file to write, or a shard of it. Raises MattingError in words of the options."""
    with in_words_of_options(target, run.settings):
        return VideoJob(
            source,
            target,
            run.settings,
            alpha_target=run.alpha_target,
            resume=run.resume,
            shard=run.shard,
            overwrite=run.overwrite,
        )


def plan(source: Path, target: Path, run: Run) -> Record:
    """Say what would be done. Raises MattingError in words of the options."""
    settings = on_any_machine(run.settings) if run.on_cluster else run.settings
    with in_words_of_options(target, run.settings):
        planned = plan_video(
            source,
            target,
            settings,
            run.alpha_target,
            resume=run.resume,
            shard=run.shard,
            load=None if run.on_cluster else run.load,
        )
    notify(planned.line())
    tell_rate(source, run.settings)
    return planned.record()


def introduce(job: VideoJob) -> None:
    """Say what is special about a video, before it is edited."""
    source = job.source
    tell_rate(source.path, job.settings)
    if source.interlaced:
        notify(interlaced(source.path))
    if job.software_because is not None:
        notify(f"{job.target}: {job.software_because}; it is encoded in software")
    if source.high_range is not None and job.settings.hdr == "sdr" and job.settings.output_kind != "alpha":
        notify(f"{source.path}: its high dynamic range becomes standard; --hdr keep keeps it")
    if job.sought:
        notify(f"{source.path}: its frames are searched first for who is at {' and '.join(job.sought)}")


def edit(job: VideoJob, engine: Engine) -> Record:
    """Run a job with a progress bar, and say what came of it."""
    introduce(job)
    source, told = job.source, job.source.interlaced
    with frames_progress(job.target.name, source.frames) as on_progress:
        done = job.run(engine, on_progress)
    if source.interlaced and not told:
        notify(interlaced(source.path))
    return conclude(done, engine)


def conclude(done: VideoReport, engine: Engine | Runner) -> Record:
    """Say what came of a video, and return its record."""
    for note in done.notes():
        notify(note)
    notify(f"{done.target}: {done.speed} ({engine.name} {engine.precision}, {engine.device})")
    return done.record()


def report(run: Run, records: Sequence[Record], engine: Engine | Runner | None = None, left_out: int | None = None) -> int:
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
