"""JPEG XL pictures: the package for them, and their size, which it does not tell before it has decoded all of a file."""

from pathlib import Path
from typing import BinaryIO

from engines.errors import MediaError
from realtime.boxes import boxes

BARE, BOXED = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"  # a codestream, alone or in a box of a file of boxes
BITS = (9, 13, 18, 30)  # that a size can have
PACKAGE = "pip install 'semantic-human-matting[jxl]'"
RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height


def is_jpeg_xl(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.startswith((BARE, BOXED))


def require_jpeg_xl(path: Path) -> None:
    """Make Pillow read and write such files. Raises MediaError if the package for it is not installed."""
    try:
        import pillow_jxl  # noqa: F401  (it registers itself)
    except ModuleNotFoundError as error:
        line = f"{path}: pillow-jxl-plugin, which reads and writes JPEG XL, is not installed; type: {PACKAGE}"
        raise MediaError(line) from error


def jpeg_xl_size(path: Path) -> tuple[int, int]:
    """Height and width. Raises ValueError if the file ends before it says them."""
    with path.open("rb") as file:
        _find_codestream(file)
        start = file.read(len(BARE) + 10)
    if len(start) < len(BARE) + 10 or not start.startswith(BARE):
        raise ValueError(f"{path}: has no picture")
    bits = int.from_bytes(start[len(BARE) :], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if not ratio:
        return height, side()
    across, down = RATIOS[ratio - 1]
    return height, height * across // down


def _find_codestream(file: BinaryIO) -> None:
    """Go to the begin of the codestream. Raises ValueError if there is none."""
    if file.read(len(BOXED)) != BOXED:
        file.seek(0)
        return
    for box in boxes(file):
        if box.kind in (b"jxlc", b"jxlp"):  # all of it, or a part, after its number
            file.seek(box.body + 4 * (box.kind == b"jxlp"))
            return
    raise ValueError("no codestream")
