"""What a case must not leave behind: whether a run was in order, and what was wrong with it."""

import hashlib
import re
from importlib import import_module
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from tests.fuzz.cases import Case
from tests.fuzz.isolated import Ended, Limits, run_isolated

MOST_MEMORY = 2 * 2**30  # bytes
VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm"}
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}
FAULTS = ("traceback", "crash", "hang", "half file", "over 2 GB", "exit code", "line of a library", "followed", "input changed")
# Lines that libraries write themselves: FFmpeg's "[mov @ 0x...]", OpenCV's "[ WARN:0@0.1]", libpng's and libtiff's.
OF_LIBRARIES = re.compile(
    r"^(\[[\w,: ]+@|\[ *(WARN|ERROR|INFO)|lib\w+ (warning|error)|TIFF|Corrupt JPEG|.*\.py:\d+: \w*Warning)", re.M
)

Files = dict[Path, str]


def contents(folder: Path) -> Files:
    """Each regular file in a folder with the digest of its content."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def faults(case: Case, ended: Ended, folder: Path, before: Files) -> list[str]:
    """What was wrong with a run; nothing if it wrote what it should, or was refused in a line and left nothing behind."""
    found = []
    if re.search(r"^(Traceback|Exception in thread|Fatal Python error)", ended.text, re.M):
        found.append("traceback")
    if ended.hung:
        found.append("hang")
    elif ended.code < 0:
        found.append("crash")
    elif ended.code not in (0, 2) and "traceback" not in found:
        found.append("exit code")
    if ended.peak > MOST_MEMORY:
        found.append("over 2 GB")
    if OF_LIBRARIES.search(ended.text):
        found.append("line of a library")
    lines = ended.text.splitlines() or [""]
    if ended.code == 2 and not lines[-1].startswith("error: "):
        found.append("exit code")
    if ended.code == 0 and case.refused:
        found.append("followed")
    after = contents(folder)
    new = {path for path in after if path not in before and path.name != ".lock"}
    if {path: digest for path, digest in before.items() if path.suffix != ".engines"}.items() - after.items():
        found.append("input changed")
    made = {Path(goal) for goal in case.goals} & new
    wrong = (ended.code == 0 and case.goals and not made) or (ended.code == 2 and made and not case.keeps)
    if wrong or any(path.name.startswith(".") or not is_whole(folder / path) for path in new):
        found.append("half file")
    return found


def is_whole(path: Path) -> bool:
    """Whether a file that a command wrote can be read to its end."""

    def read() -> None:
        if path.suffix.lower() in VIDEOS:
            with av.open(str(path)) as container:
                assert any([packet.stream.type == "video" and bool(packet.decode()) for packet in container.demux()])  # noqa: C419 - all
        elif path.suffix.lower() == ".exr":
            with import_module("OpenEXR").File(str(path)) as file:
                assert file.channels()
        elif path.suffix.lower() == ".avif":  # OpenCV reads none that has both alpha and XMP
            Image.open(path).load()
        elif path.suffix.lower() in PICTURES:
            assert cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) is not None
        else:
            assert path.suffix == ".engines"

    log = path.with_name("is-whole.log")
    ended = run_isolated(read, path.parent, log, Limits())
    log.unlink()
    return ended.code == 0
