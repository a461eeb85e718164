"""From inputs to outputs: decode, matte, composite, encode. The names that a program needs are here.

    from engines import load
    from realtime import VideoSink, VideoSource, composite, mattes, open_background

    with load() as engine, VideoSource("talk.mp4") as video, open_background("beach.jpg") as background:
        with VideoSink("out.mp4", width=video.width, height=video.height) as sink:
            for packet in mattes(video, engine):
                packet.picture = composite(packet, background.frame(packet))
                sink.write(packet)

They are imported when they are first used (PEP 562), so that commands answer `--help` without OpenCV or PyAV.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.geometry import Size as Size
    from realtime.compositing.backgrounds import Background as Background
    from realtime.compositing.backgrounds import open_background as open_background
    from realtime.compositing.composite import composite as composite
    from realtime.compositing.foreground import extend_foreground as extend_foreground
    from realtime.compositing.subjects import LargestSubject as LargestSubject
    from realtime.compositing.temporal import TemporalFilter as TemporalFilter
    from realtime.inputs.media.numbered import NumberedPictures as NumberedPictures
    from realtime.inputs.media.piped import PipedVideo as PipedVideo
    from realtime.inputs.network_stream import NetworkStream as NetworkStream
    from realtime.inputs.paced_video import PacedVideo as PacedVideo
    from realtime.inputs.photos import Photo as Photo
    from realtime.inputs.photos import read_photo as read_photo
    from realtime.inputs.timestamps import Excerpt as Excerpt
    from realtime.inputs.video_file import VideoSource as VideoSource
    from realtime.inputs.webcam import Webcam as Webcam
    from realtime.jobs.settings import VideoSettings as VideoSettings
    from realtime.jobs.video_job import VideoJob as VideoJob
    from realtime.loop.mattes import mattes as mattes
    from realtime.outputs.photos import write_photo as write_photo
    from realtime.outputs.pictures.sequence import PictureSequence as PictureSequence
    from realtime.outputs.tracks.audio import AudioCopier as AudioCopier
    from realtime.outputs.tracks.subtitles import SubtitleCopier as SubtitleCopier
    from realtime.outputs.video_file import VideoSink as VideoSink
    from realtime.packet import Packet as Packet

_MODULES = {
    "AudioCopier": "realtime.outputs.tracks.audio",
    "Background": "realtime.compositing.backgrounds",
    "Excerpt": "realtime.inputs.timestamps",
    "LargestSubject": "realtime.compositing.subjects",
    "NetworkStream": "realtime.inputs.network_stream",
    "NumberedPictures": "realtime.inputs.media.numbered",
    "PacedVideo": "realtime.inputs.paced_video",
    "Packet": "realtime.packet",
    "Photo": "realtime.inputs.photos",
    "Size": "engines.geometry",
    "SubtitleCopier": "realtime.outputs.tracks.subtitles",
    "TemporalFilter": "realtime.compositing.temporal",
    "PipedVideo": "realtime.inputs.media.piped",
    "PictureSequence": "realtime.outputs.pictures.sequence",
    "VideoJob": "realtime.jobs.video_job",
    "VideoSettings": "realtime.jobs.settings",
    "VideoSink": "realtime.outputs.video_file",
    "VideoSource": "realtime.inputs.video_file",
    "Webcam": "realtime.inputs.webcam",
    "composite": "realtime.compositing.composite",
    "extend_foreground": "realtime.compositing.foreground",
    "mattes": "realtime.loop.mattes",
    "open_background": "realtime.compositing.backgrounds",
    "read_photo": "realtime.inputs.photos",
    "write_photo": "realtime.outputs.photos",
}
__all__ = sorted(_MODULES)

if not TYPE_CHECKING:  # where it would make any name a valid one

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module 'realtime' has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
