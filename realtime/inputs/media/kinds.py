"""Which media a name stands for."""

import os
from pathlib import Path

from realtime.inputs.media.files import Media
from realtime.inputs.media.webp import AnimatedWebp
from realtime.inputs.pictures import is_animated_webp


def media_of(path: str | os.PathLike[str] | Media) -> Media:
    """Media as they are; a path as a file, in the way that its kind is read."""
    if isinstance(path, Media):
        return path
    file = Path(path)
    return AnimatedWebp(file) if is_animated_webp(file) else Media(file)
