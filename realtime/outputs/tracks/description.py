"""What a track of a file says of itself, given to its copy in another file."""

from typing import Any

from av.container import OutputContainer
from av.stream import Stream

# A language has up to two codes; FFmpeg knows one of them for .mov. "sve" is its own for Swedish.
OF_MOV = {
    **{"deu": "ger", "ell": "gre", "eus": "baq", "fas": "per", "fre": "fra", "isl": "ice", "cym": "wel", "cze": "ces"},
    **{"mkd": "mac", "msa": "may", "nld": "dut", "rum": "ron", "slo": "slk", "sqi": "alb", "swe": "sve", "zho": "chi"},
}


def describe_copy(copy: Any, stream: Stream, container: OutputContainer) -> None:
    """Give a stream of a file that is being opened the language, the title and the role (forced, ...) of another stream."""
    tags = dict(stream.metadata)
    title = tags.get("title") or tags.get("name")  # of MP4
    name = container.format.name
    if title:
        # Most players show this one of MP4 and MOV.
        tags |= {"title": title, "handler_name": title} if name in ("mp4", "mov") else {"title": title}
    if name == "mov" and "language" in tags:
        tags["language"] = OF_MOV.get(tags["language"], tags["language"])
    copy.metadata.update(tags)
    copy.disposition = stream.disposition
