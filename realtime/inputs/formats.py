"""Container formats: those that may be opened as a file, as they make FFmpeg read no other, and those that say their length."""

import os
import re
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer

from realtime.boxes import Box, boxes

REFERRING = {
    *("avisynth", "concat", "dash", "hls", "imf", "lavfi", "rtp", "rtsp"),
    *("sap", "sdp", "vapoursynth", "vobsub", "webm_dash_manifest"),
}
PLAYLIST = re.compile(
    rb"\s*(#EXTM3U|ffconcat\b|file\s|v=0\s|\[playlist\]|# VobSub"
    rb"|(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(MPD|asx|smil|(\w+:)?AssetMap)\b)",
    re.IGNORECASE | re.DOTALL,
)
STATE_DURATION = ("asf", "avi", "flv", "matroska", "mov", "mxf", "nut")  # formats that do: for others it is an estimate
MOST_BOXES = 1000  # of an MP4 that are looked at
MOST_FRAGMENTS = 1_000_000  # of which one is looked for that is not whole: hours of a frame each
HEAD_OF_BOX = 8  # bytes of one at least
HEAD = 4096  # bytes in which a playlist is known
UTF8_MARK = b"\xef\xbb\xbf"


@cache
def self_contained() -> str:
    """FFmpeg's `format_whitelist`. It refuses others by what is in the file, before it follows anything in it."""
    return ",".join(sorted(av.formats_available - REFERRING))


def is_playlist(path: Path) -> bool:
    """Whether a file is text that refers to others, to say why it was refused."""
    try:
        with path.open("rb") as file:
            return PLAYLIST.match(file.read(HEAD).removeprefix(UTF8_MARK)) is not None
    except OSError:
        return False


def lacks_index(path: Path) -> bool:
    """Whether a file is an MP4 or MOV without its index, as one whose recording or copying never ended."""
    kinds = [box.kind for box in outermost(path)]
    return kinds[:1] in ([b"ftyp"], [b"mdat"], [b"wide"]) and b"moov" not in kinds


def is_cut_off(path: Path) -> bool:
    """Whether a file is an MP4 or MOV that ends within one of its parts, such as the first fragment."""
    found = outermost(path)
    return bool(found) and found[0].kind == b"ftyp" and (found[-1].end or 0) > path.stat().st_size


def whole_fragments(path: Path) -> int | None:
    """Bytes of an MP4 or MOV before the fragment in the midst of which it ends, 0 if it is its first; None if there is none."""
    fragment = end = 0  # where the last one begins; how far the file is whole
    first, kind = True, b""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            for box in islice(boxes(file), 2 * MOST_FRAGMENTS):
                if box.kind == b"moof":
                    fragment, first = end, not fragment
                if box.end is None:
                    return None
                end, kind = box.end, box.kind
                if end > size:
                    break
    except OSError:
        return None
    cut = fragment and (kind == b"moof" or (end > size and kind == b"mdat") or end < size < end + HEAD_OF_BOX)
    return (0 if first else fragment) if cut else None


def outermost(path: Path) -> list[Box]:
    """The outermost parts of an MP4 or MOV; none of what cannot be read."""
    found: list[Box] = []
    try:
        with path.open("rb") as file:
            for box in islice(boxes(file), MOST_BOXES):
                found.append(box)
                if not box.kind.isalnum():
                    break
    except OSError:
        return []
    return found


def shortfall(name: str, end: Fraction | float, length: Fraction | float) -> str:
    """The line for the user about a video that ends before its length, both in seconds."""
    return f"{name}: ends at {float(end):.2f} s of {float(length):.2f} s; the rest is missing or damaged"


def states_duration(container: InputContainer) -> bool:
    """Whether the format of a file says how long it is, so that it is known whether it is whole."""
    return container.format.name.split(",")[0] in STATE_DURATION
