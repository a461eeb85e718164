"""What a job would do, found out without writing anything."""

from collections.abc import Callable
from pathlib import Path

from av.video.reformatter import Colorspace

from engines.engine import Engine
from realtime.choices import PIPE
from realtime.inputs.video_file import VideoSource
from realtime.jobs.report import VideoPlan
from realtime.jobs.segment_folder import SegmentFolder
from realtime.jobs.segments import describe_run, describe_work
from realtime.jobs.settings import VideoSettings
from realtime.jobs.shards import Shard, known_length
from realtime.jobs.sinks import settings_of_alpha
from realtime.jobs.video_job import open_audio, open_source, open_subtitles
from realtime.numbering import check_name
from realtime.outputs.formats import SEQUENCES
from realtime.outputs.pictures.sequence import check_folder, require_openexr
from realtime.outputs.target import check_target
from realtime.pixels.yuv import FrameConverter

Load = Callable[[], Engine]


def check_place(target: Path, *, overwrite: bool) -> None:
    """Raise MediaError if a video or a sequence of pictures could not be written to `target`, or what is there must stay."""
    if target.suffix.lower() in SEQUENCES:
        check_name(target)
        if target.suffix.lower() == ".exr":
            require_openexr()
        check_folder(target)
    elif target != PIPE:
        check_target(target, overwrite=overwrite)


def check_segments(target: Path, video: VideoSource, settings: VideoSettings, load: Load | None) -> None:
    """Raise MediaError if segments of another run lie in the way. `load` is called if some are there; see `plan_video`."""
    folder = SegmentFolder(target, "")
    if not folder.path.exists():
        return
    if load is None:
        folder.check(describe_work(video, settings), partly=True)
    else:
        with load() as engine:
            folder.check(describe_run(video, settings, engine))


def plan_video(
    source: Path,
    target: Path,
    settings: VideoSettings,
    alpha_target: Path | None = None,
    *,
    resume: bool = False,
    shard: Shard | None = None,
    load: Load | None = None,
) -> VideoPlan:
    """Check a video and the settings for it. Raises what a `VideoJob` would, except for what only writing shows.

    `load` gives the engine; None if it is not known here.
    """
    codec = settings.codec_for(target)
    if alpha_target is not None:
        settings_of_alpha(settings, codec, alpha_target).codec_for(alpha_target)
    with open_source(source, settings) as video:
        if shard is not None and shard.count > 1:
            known_length(video.path, video.frames)
        if resume or shard is not None:
            check_segments(target, video, settings, load)
        audio = open_audio(video, settings, target)
        converted = None
        if audio is not None:
            with audio:
                converted = audio.check(target)
        subtitles = open_subtitles(video, settings, target)
        if subtitles is not None:
            subtitles.close()
        converter = FrameConverter(Colorspace.ITU709, codec.pixel_format(settings.output_kind))
        width, height = converter.size(video.width, video.height)
        return VideoPlan(
            source=source,
            target=target,
            width=width,
            height=height,
            frames=video.frames,
            duration=None if video.duration is None else float(video.duration),
            codec=codec.title,
            audio=() if audio is None else video.audio,
            converted_audio=converted,
            subtitles=() if subtitles is None else subtitles.copied,
            converted_subtitles=None if subtitles is None else subtitles.converted,
        )
