"""What a job would do, found out without writing anything."""

from pathlib import Path

from av.video.reformatter import Colorspace

from realtime.choices import PIPE
from realtime.jobs.report import VideoPlan
from realtime.jobs.settings import VideoSettings
from realtime.jobs.sinks import settings_of_alpha
from realtime.jobs.video_job import open_audio, open_source, open_subtitles
from realtime.outputs.formats import SEQUENCES
from realtime.outputs.pictures.sequence import check_folder, check_name
from realtime.outputs.target import check_target
from realtime.pixels.yuv import FrameConverter


def check_place(target: Path, *, overwrite: bool) -> None:
    """Raise MediaError if a video or a sequence of pictures could not be written to `target`, or what is there must stay."""
    if target.suffix.lower() in SEQUENCES:
        check_name(target)
        check_folder(target)
    elif target != PIPE:
        check_target(target, overwrite=overwrite)


def plan_video(source: Path, target: Path, settings: VideoSettings, alpha_target: Path | None = None) -> VideoPlan:
    """Check a video and the settings for it. Raises what a `VideoJob` would, except for what only writing shows."""
    codec = settings.codec_for(target)
    if alpha_target is not None:
        settings_of_alpha(settings, codec, alpha_target).codec_for(alpha_target)
    with open_source(source, settings) as video:
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
