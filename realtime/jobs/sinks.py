"""The files that a job writes, opened from its settings."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from realtime.inputs.video_file import VideoSource
from realtime.jobs.settings import VideoSettings
from realtime.outputs.formats import SEQUENCES, Codec, suffix_of
from realtime.outputs.pictures.sequence import PictureSequence
from realtime.outputs.sink import Sink
from realtime.outputs.tracks.audio import AudioCopier
from realtime.outputs.tracks.subtitles import SubtitleCopier
from realtime.outputs.video_file import VideoSink


def open_sink(
    target: Path,
    source: VideoSource,
    settings: VideoSettings,
    audio: AudioCopier | None = None,
    subtitles: SubtitleCopier | None = None,
    *,
    time_base: Fraction | None = None,
    overwrite: bool = False,
) -> Sink:
    """Open a file, or a sequence of pictures, for the frames of a source. Raises what `VideoSink` and `PictureSequence` do.

    `time_base` is that of the source by default.
    """
    high_range = source.high_range if settings.hdr == "keep" else None
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
            high_range=high_range,
            overwrite=overwrite,
        )
    return VideoSink(
        target,
        width=source.width,
        height=source.height,
        rate=source.rate,
        time_base=time_base or source.time_base,
        pixel_aspect=source.pixel_aspect,
        kind=settings.output_kind,
        codec=settings.codec,
        premultiplied=settings.premultiplied,
        crf=settings.crf,
        bitrate=settings.bitrate,
        preset=settings.preset,
        bit_depth=source.bit_depth,
        high_range=high_range,
        nvenc=settings.nvenc,
        audio=audio,
        subtitles=subtitles,
        metadata=source.metadata,
        chapters=source.chapters,
        overwrite=overwrite,
    )


def settings_of_alpha(settings: VideoSettings, codec: Codec, target: Path) -> VideoSettings:
    """The settings of a file for the mattes alone: the codec of the file beside it, where `target` can hold that."""
    same = suffix_of(target) in codec.suffixes
    alone = replace(settings, output_kind="alpha", premultiplied=False, bitrate=None, hdr="sdr")
    return replace(alone, codec=codec.name) if same else replace(alone, codec=None, crf=None, nvenc=False)
