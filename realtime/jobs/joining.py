"""Segments of a video joined to one file, with its sound and subtitles: packets are copied, and nothing is encoded again."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.video.stream import VideoStream

from engines.errors import MediaError
from realtime.chapters import add_chapters
from realtime.inputs.video_file import VideoSource
from realtime.outputs.formats import CONTAINERS, FIFO, OPTIONS, delays_kept
from realtime.outputs.pixel_shape import reserve_shape
from realtime.outputs.tracks.audio import AudioCopier, mux_beside
from realtime.outputs.tracks.subtitles import SPARSE, SubtitleCopier
from realtime.outputs.video_file import CONTAINER_TAGS, time_unit


class Segment(NamedTuple):
    """A part of a video in a file of its own, whose times count from `begin`, in seconds; and its number of frames."""

    path: Path
    begin: Fraction
    frames: int


def join(
    segments: Sequence[Segment],
    file: Path,
    path: Path,
    *,
    source: VideoSource,
    audio: AudioCopier | None = None,
    subtitles: SubtitleCopier | None = None,
) -> None:
    """Write the segments of a video to a file, one after the other, with its sound and subtitles beside them.

    Args:
        segments: at least one; all from one encoder with the same settings.
        file: to write.
        path: the name that it will have, whose suffix says what kind of file it is.
        source: the video that was edited, whose title and the like, and chapters, the file gets.
        audio, subtitles: what to copy.

    Raises:
        MediaError: if a segment cannot be read or joined, or the disk fails.
    """
    name = CONTAINERS[path.suffix.lower()]
    options = {**OPTIONS[name], **delays_kept(name, time_unit(source.time_base))}
    copiers = [each for each in (audio, subtitles) if each is not None]
    if name == "matroska" and audio is not None and audio.wav_tagged:
        name, options = "fifo", FIFO
    if subtitles is not None:
        options = {**options, **SPARSE}
    try:
        # Absolute paths, so that FFmpeg does not mistake part of a name for a protocol.
        with av.open(str(file.absolute()), "w", format=name, options=options) as container:
            container.metadata.update({key: text for key, text in source.metadata.items() if key not in CONTAINER_TAGS})
            add_chapters(container, source.chapters)
            with av.open(str(segments[0].path.absolute())) as first:
                template = first.streams.video[0]
                stream = container.add_stream_from_template(template, opaque=True)  # the decoder's name may be no encoder's
                stream.metadata.update({key: text for key, text in template.metadata.items() if key.lower() == "alpha_mode"})
                if name in ("mp4", "mov"):
                    stream.codec_context.codec_tag = template.codec_context.codec_tag
                shape = reserve_shape(container, stream, source.pixel_aspect)
            for each in copiers:
                each.attach(container, path)
            container.start_encoding()
            for packet in packets(segments, stream):
                mux_beside(container, packet, copiers)
            for each in copiers:
                each.copy(container)
        if shape is not None:
            shape.put_into_file(file)
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: its segments cannot be joined ({error.strerror or error}); check the disk") from error


def packets(segments: Sequence[Segment], stream: VideoStream) -> "Iterator[av.Packet[VideoStream]]":
    """The packets of all segments, at their own times, for a stream of the file to write."""
    last: Fraction | None = None
    header: bytes | None = None
    for segment in segments:
        with av.open(str(segment.path.absolute())) as container:
            source = container.streams.video[0]
            if header is None:
                header = source.codec_context.extradata
            if source.codec_context.extradata != header:
                raise MediaError(f"{segment.path}: was encoded otherwise than the segments before it; start again without them")
            for packet in container.demux(source):
                if not packet.size or packet.dts is None or packet.pts is None:
                    continue
                unit = packet.time_base
                begin = round(segment.begin / unit)
                # The encoder's delay at the start of a segment may reach into the one before it.
                packet.dts += begin
                packet.pts += begin
                if last is not None:
                    packet.dts = max(packet.dts, int(last / unit) + 1)
                last = packet.dts * unit
                packet.stream = stream
                yield packet
