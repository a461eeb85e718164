"""Media files opened safely: video and sound, and nothing that refers to other files."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from engines.errors import MediaError
from realtime.addresses import refuse_missing
from realtime.choices import MAX_PIXELS, STANDARD_INPUT
from realtime.inputs.formats import is_cut_off, is_playlist, lacks_index, self_contained, whole_fragments
from realtime.inputs.pictures import is_heif

DAMAGE = (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError)  # what FFmpeg raises for it
MOST_PIXELS = 2**31 - 1  # that FFmpeg takes as its limit

FONTS = (  # older names of kinds of file that Matroska has them as
    "application/x-truetype-font",
    "application/x-font-ttf",
    "application/x-font-otf",
    "application/vnd.ms-opentype",
    "application/font-sfnt",
)


class NoVideo(MediaError):
    """A file that is no video: a picture, or nothing that FFmpeg knows."""


def open_container(path: Path, *, max_pixels: int | None = MAX_PIXELS) -> InputContainer:
    """Open a media file for reading. Raises MediaError if it is not one, or a playlist or script, which refers to others.

    With `max_pixels` of None nothing in it is decoded, and so its streams cannot be.
    """
    try:
        if path.is_dir():
            raise MediaError(f"{path}: is a folder; name one video file in it")
        refuse_missing(path)
        if not path.is_file():
            remedy = "write - for standard input" if str(path) in STANDARD_INPUT else "name a video file"
            raise MediaError(f"{path}: is a device or a pipe; {remedy}")
        return _opened(path, {"format_whitelist": self_contained(), **decoder_limit(max_pixels)})
    except PermissionError as error:
        raise MediaError(f"{path}: no permission to read it; check its permissions") from error
    except (av.FFmpegError, OSError) as error:
        if is_playlist(path):
            raise MediaError(f"{path}: is a playlist, not a video; name the video file itself") from error
        if lacks_index(path):
            why = "it was cut off, or its recording never ended: its index is missing"
            raise MediaError(f"{path}: is not a video that can be read ({why}); copy it again, or repair it") from error
        if is_cut_off(path):
            raise MediaError(
                f"{path}: is not a video that can be read (it was cut off); copy it again, or repair it"
            ) from error
        raise NoVideo(f"{path}: is not a video that can be read ({error.strerror}); name a video file") from error


def _opened(path: Path, options: dict[str, str]) -> InputContainer:
    """A file opened by FFmpeg. Of a fragmented MP4 that ends within a head, which it refuses, it gets what is before."""
    name = str(path.absolute())  # so that FFmpeg does not mistake part of it for a protocol
    try:
        return av.open(name, options={"protocol_whitelist": "file", **options}, metadata_errors="replace")
    except av.FFmpegError:
        end = whole_fragments(path)
        if not end:
            raise
        options = {"protocol_whitelist": "subfile,file", **options}
        return av.open(f"subfile,,start,0,end,{end},,:{name}", options=options, metadata_errors="replace")


def decoder_limit(max_pixels: int | None) -> dict[str, str]:
    """The option by which FFmpeg decodes no frames that are far too large; with None none at all, not even to describe a file.

    It counts rows with their padding, so they get room.
    """
    return {"codec_whitelist": "none"} if max_pixels is None else {"max_pixels": str(min(2 * max_pixels, MOST_PIXELS))}


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The video stream that a player would show. Raises MediaError if there is none."""
    name = container.format.name
    if name == "image2" or name.endswith("_pipe") or is_heif(path):
        raise NoVideo(f"{path}: is a picture, not a video; read it as a photo")
    stream = shown_video(container)
    if stream is None:
        raise MediaError(f"{path}: has no video that can be decoded; name a file with a video stream")
    return stream


def shown_video(container: InputContainer) -> VideoStream | None:
    """The video stream that a player would show, if there is one: not a cover picture, not text."""
    streams = [] if container.format.name == "tty" else container.streams.video
    videos = [
        stream
        for stream in streams
        if stream.codec_context is not None and not stream.disposition & av.stream.Disposition.attached_pic
    ]
    shown = av.stream.Disposition.default  # and moving: an animated AVIF has its first picture beside it
    return max(videos, key=lambda stream: (bool(stream.disposition & shown), stream.frames != 1), default=None)


def codec_name(stream: Stream) -> str:
    """The name of a stream's codec, whichever decoder there is for it; "unknown" if there is none."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


class Beside(NamedTuple):
    """What a file has beside the video that is shown: names of the codecs of its sound and its subtitles, the rest in words."""

    audio: tuple[str, ...]
    subtitles: tuple[str, ...]
    fonts: int  # attached for subtitles
    rest: str  # "2 data tracks, a cover picture"; empty if there is nothing


def streams_beside(container: InputContainer, shown: VideoStream) -> Beside:
    """What a file has beside a video stream."""
    counts: Counter[str] = Counter()
    for stream in container.streams:
        if stream.type == "video" and stream.index != shown.index:
            cover = stream.disposition & av.stream.Disposition.attached_pic
            counts["cover picture" if cover or stream.frames == 1 else "video track"] += 1
        elif stream.type in ("data", "attachment") and not is_font(stream):
            counts["attachment" if stream.type == "attachment" else f"{stream.type} track"] += 1
    if container.chapters() and "mov" in container.format.name and counts["data track"]:
        counts["data track"] -= 1  # the names of the chapters
    fonts = sum(map(is_font, container.streams))
    articles = {name: "an" if name[0] in "aeiou" else "a" for name in counts}
    rest = ", ".join(
        f"{articles[name]} {name}" if count == 1 else f"{count} {name}s" for name, count in counts.items() if count
    )
    audio, subtitles = container.streams.audio, container.streams.subtitles
    return Beside(tuple(codec_name(each) for each in audio), tuple(codec_name(each) for each in subtitles), fonts, rest)


def is_font(stream: Stream) -> bool:
    """Whether a stream is the file of a font, attached for subtitles."""
    if stream.type != "attachment":
        return False
    kind, name = (stream.metadata.get(key, "").lower() for key in ("mimetype", "filename"))
    return kind.startswith("font/") or kind in FONTS or name.endswith((".ttf", ".otf", ".ttc"))
