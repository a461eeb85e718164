"""What is to be done to a video, whichever it is."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from engines.arguments import check_max_pixels
from engines.geometry import Size
from realtime.choices import GREEN, MAX_PIXELS, PRESET, SMOOTH, Fit, Hdr, OutputKind, Preset, check_choice
from realtime.compositing.backgrounds import Background, open_background
from realtime.compositing.filters import StreamFilter, stream_filters
from realtime.compositing.given_mask import GivenMask, MaskedSubject
from realtime.inputs.masks import FolderMasks
from realtime.inputs.pictures import check_file
from realtime.inputs.timestamps import WHOLE, Excerpt, parse_time
from realtime.outputs.formats import Codec, codec_for
from realtime.paths import expand_home


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """What is to be done to a video, whichever it is.

    Attributes:
        excerpt: which of its frames are edited; the sound is cut in step.
        rate: of a sequence of pictures, in frames a second; by default that of `NumberedPictures`.
        size: of the result, or its height; by default that of the video.
        bg, fit: the background, as `open_background` takes it.
        smooth: strength of the temporal filter.
        keep: who stays, as of `subject_filter`; at a time of the video, which the person is then followed from both ways.
        masks: each of one frame, a file and a time of the video, "FRAME.png@TIME": the person in them is kept, and followed.
        light_wrap: how much of the background's light reaches over the edges, from 0 to 1.
        audio: whether to copy the sound.
        output_kind, premultiplied: what the file shows; `kind` of `VideoSink`.
        hdr: whether high dynamic range is kept, in codecs of 10 bits, or becomes BT.709.
        codec, crf, bitrate, preset, nvenc: how it is encoded; see `VideoSink`.
        max_pixels: of a frame or a background; larger ones are refused.
    """

    excerpt: Excerpt = WHOLE
    rate: Fraction | None = None
    size: Size | int | None = None
    bg: str = GREEN
    fit: Fit = "cover"
    smooth: float = SMOOTH
    keep: str = "all"
    masks: tuple[str, ...] = ()
    light_wrap: float = 0.0
    audio: bool = True
    output_kind: OutputKind = "composite"
    premultiplied: bool = False
    hdr: Hdr = "sdr"
    codec: str | None = None
    crf: int | None = None
    bitrate: int | None = None
    preset: Preset = PRESET
    nvenc: bool = False
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        check_choice("hdr", self.hdr, Hdr)
        check_max_pixels(self.max_pixels)
        if not isinstance(self.masks, tuple | list) or not all(isinstance(each, str) for each in self.masks):
            raise ValueError(f"masks {self.masks!r}: must be a tuple of texts, such as ('mask.png@1:23.5',)")

    def open_background(self, pixel_aspect: Fraction = Fraction(1)) -> Background:
        """Open the background anew: it serves one video, of such pixels.

        Raises MediaError or ValueError as `open_background` does.
        """
        return open_background(self.bg, fit=self.fit, max_pixels=self.max_pixels, pixel_aspect=pixel_aspect)

    def codec_for(self, target: Path) -> Codec:
        """The codec of a file. Raises MediaError as `codec_for` does, and ValueError for what that codec does not take."""
        codec = codec_for(target, self.output_kind, self.codec)
        codec.check_rate(self.crf, self.bitrate, nvenc=self.nvenc)
        if self.hdr == "keep":
            codec.check_high_range(nvenc=self.nvenc)
        return codec

    def filters(self) -> list[StreamFilter]:
        """New filters: they serve one video.

        Raises ValueError if `keep` or `smooth` is out of range, or with `masks` somebody else is to be kept; MediaError if one
        cannot be read.
        """
        filters = stream_filters(self.keep, self.smooth, timed=True)
        if not self.masks:
            return filters
        if self.keep != "all":
            raise ValueError(f"{self.masks[0]}: says who is kept, and so does {self.keep}; choose one of them")
        return [MaskedSubject(*(read_mask(each, max_pixels=self.max_pixels) for each in self.masks)), *filters]


def split_mask(text: str) -> tuple[Path, Fraction]:
    """The file and the time of "FRAME.png@TIME". Raises ValueError for anything else."""
    name, found, time = text.rpartition("@")
    if not found or not name:
        raise ValueError(f"{text}: names no time; write the time of its frame behind it, such as mask.png@1:23.5")
    return expand_home(name), parse_time(time)


def read_mask(text: str, *, max_pixels: int) -> GivenMask:
    """Read a mask of "FRAME.png@TIME". Raises ValueError if it is none, or empty; MediaError if it cannot be read."""
    path, time = split_mask(text)
    check_file(path)
    return GivenMask(text, time, FolderMasks(path, max_pixels=max_pixels).read(path))
