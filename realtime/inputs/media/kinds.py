"""Which media a name stands for."""

import os

from realtime.inputs.media.files import Media
from realtime.inputs.media.webp import AnimatedWebp
from realtime.inputs.pictures import is_animated_webp
from realtime.paths import named


def media_of(path: str | os.PathLike[str] | Media) -> Media:
    """Media as they are; a path as a file, in the way that its kind is read. Raises ValueError for neither."""
    if isinstance(path, Media):
        return path
    file = named(path)
    return AnimatedWebp(file) if is_animated_webp(file) else Media(file)
