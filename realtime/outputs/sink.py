"""What files of videos have in common: what they show of a packet, and that they are complete or not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from engines.arguments import check_whole
from engines.engine import Frame, Mask, kind_of
from engines.errors import MediaError
from realtime.choices import LONGEST_SIDE, OutputKind
from realtime.outputs.formats import Codec
from realtime.packet import Packet


class Sink:
    """Takes packets one by one. Leaving its `with` block completes what it writes; leaving it by an error leaves nothing.

    Nor does one that no packet came to: what is there stays, and `close` raises MediaError.

    Attributes:
        path: what is written.
        kind: what it shows: "composite" and "foreground" the packets' pictures, "cutout" these with the mattes' alpha,
            "alpha" the mattes in grey.
        codec: its format.
    """

    def __init__(self, path: Path, *, width: int, height: int, kind: OutputKind, codec: Codec) -> None:
        for name, side in (("width", width), ("height", height)):
            check_whole(name, side, LONGEST_SIDE)
        self.path = path
        self.kind = kind
        self.codec = codec
        self._size = width, height
        self._over = False  # closed or aborted

    def write(self, packet: Packet) -> None:
        """Write what the file shows of a packet. Raises MediaError if the disk is full or otherwise fails."""
        raise NotImplementedError

    def close(self) -> None:
        """Complete what was written. Raises MediaError if the disk is full or otherwise fails."""
        raise NotImplementedError

    def abort(self) -> None:
        """Leave nothing of it, and what was there before as it was. After `close` it does nothing."""
        raise NotImplementedError

    def release(self) -> None:
        """Stop waiting for whoever takes what is written: it is broken off."""

    def _shown(self, packet: Packet) -> tuple[Frame | None, Mask | None]:
        """The picture, uint8 RGB (H, W, 3), and the alpha, float32 (H, W), of a packet, or None for what is not shown.

        Raises ValueError for a packet with no picture or matte, or one of another size, and after the end.
        """
        if self._over:
            raise ValueError(f"{self.path}: is closed; write before that, inside the `with` block")
        if not isinstance(packet, Packet):
            raise ValueError(f"a sink takes packets, not {kind_of(packet)}; make a Packet(frame, time, index, picture=frame)")
        width, height = self._size
        picture = packet.picture if self.kind != "alpha" else None
        alpha = packet.fetch().alpha if self.kind in ("alpha", "cutout") else None
        if self.kind != "alpha" and not is_picture(picture, (height, width, 3)):
            actual = "none" if picture is None else kind_of(picture)
            if isinstance(picture, np.ndarray):
                actual = f"an array, {picture.dtype} {picture.shape}"
            raise ValueError(f"the packet needs a picture of {width}x{height}, uint8 RGB, not {actual}")
        if alpha is not None and alpha.shape != (height, width):
            raise ValueError(f"the packet needs a matte of {width}x{height}, not an array {alpha.shape}")
        return picture, alpha

    @contextmanager
    def _media_errors(self, remedy: str) -> Iterator[None]:
        """Turn an error of the system in the block, which writes it, into a MediaError."""
        try:
            yield
        except OSError as error:
            raise MediaError(f"{self.path}: cannot be written ({error.strerror or error}); {remedy}") from error

    def _nothing(self) -> MediaError:
        """The error of a sink that no packet came to."""
        return MediaError(f"{self.path}: is not written, because no packet came; write one at least")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abort()


def is_picture(thing: object, shape: tuple[int, ...]) -> bool:
    """Whether something is an array of uint8 of this shape."""
    return isinstance(thing, np.ndarray) and thing.dtype == np.uint8 and thing.shape == shape
