"""Which container formats may be opened as a file: none that makes FFmpeg read other files or addresses, or run a script."""

import re
from functools import cache
from pathlib import Path

import av

REFERRING = {
    *("avisynth", "concat", "dash", "hls", "imf", "lavfi", "rtp", "rtsp"),
    *("sap", "sdp", "vapoursynth", "vobsub", "webm_dash_manifest"),
}
PLAYLIST = re.compile(
    rb"\s*(#EXTM3U|ffconcat\b|file\s|v=0\s|\[playlist\]|# VobSub"
    rb"|(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(MPD|asx|smil|(\w+:)?AssetMap)\b)",
    re.IGNORECASE | re.DOTALL,
)
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
