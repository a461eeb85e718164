"""The cases of the trial: for each kind, a folder with damaged input and the command that reads it."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import av

from engines.commands.running import run
from tests.fuzz.corpus import HEIGHT, WIDTH, Corpus, with_changed_packets
from tests.fuzz.mutations import damage, damage_json, damage_text
from tests.realtime.plain_engine import plain_engine

CUTOUTS = (("out.mov",), ("out.mov", "--codec", "qtrle"), ("out.mkv",), ("out.webm",), ("out/%03d.png", "--premultiplied"))
BACKGROUNDS = ("#00b140", "blur", "blur:3", "none", "checkerboard")


@dataclass(frozen=True)
class Case:
    """A command to run in a folder of its own.

    `words` are what a user would type. With exit code 0 it has written one of `goals`; with 2 none, unless it `keeps` what was
    complete. `refused`: it may not end with 0.
    """

    words: list[str]
    action: Callable[[], object]
    goals: tuple[str, ...] = ()
    keeps: bool = False
    refused: bool = False


Make = Callable[[Random, Path, Corpus], Case]


def command(
    *words: str,
    goals: tuple[str, ...] = (),
    keeps: bool = False,
    refused: bool = False,
    read: str | None = None,
    written: str | None = None,
) -> Case:
    """A case of one of the four commands of realtime, with an engine that only looks at how dark a pixel is.

    `read` is a file that comes through a pipe as standard input; `written` one that gets standard output if that is `-`.
    """
    to_file = written if "-" in words[2:] else None

    def action() -> None:
        from realtime.commands import image, live, refine, video

        module = {"shm-video": video, "shm-image": image, "shm-refine": refine, "shm-live": live}[words[0]]
        arguments = live.fill_in_values(list(words[1:])) if module is live else list(words[1:])
        with plain_engine(), piped_in(read), piped_out(to_file):
            run(module.app, arguments)

    shown = [*words, *(["<", read] if read else []), *([">", to_file] if to_file else [])]
    return Case(shown, action, goals, keeps or words[0] == "shm-live", refused)


@contextmanager
def piped_in(path: str | None) -> Iterator[None]:
    """Standard input of this process, which ends soon, is a pipe through which a file comes."""
    if path is not None:
        reader, writer = os.pipe()
        os.dup2(reader, 0)

        def send() -> None:
            with suppress(BrokenPipeError), os.fdopen(writer, "wb") as file:
                file.write(Path(path).read_bytes())

        threading.Thread(target=send, daemon=True).start()
    yield


@contextmanager
def piped_out(path: str | None) -> Iterator[None]:
    """Standard output of this process goes to a file, which is kept if all of it was written."""
    if path is not None:
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), 1)
    try:
        yield
    except SystemExit as end:
        if path is not None and end.code:
            Path(path).unlink()
        raise


def pick(random: Random, files: dict[str, bytes]) -> tuple[str, bytes]:
    """One of the files: its name and its content."""
    name = random.choice(sorted(files))
    return name, files[name]


def damaged(random: Random, files: dict[str, bytes], folder: Path, stem: str = "in") -> str:
    """Write a damaged one of these files into the folder; return its name."""
    name, data = pick(random, files)
    suffix = Path(random.choice(sorted(files)) if random.random() < 0.05 else name).suffix
    (folder / f"{stem}{suffix}").write_bytes(damage(data, random, list(files.values())))
    return f"{stem}{suffix}"


def good(random: Random, files: dict[str, bytes], folder: Path, stem: str = "in") -> str:
    """Write one of these files into the folder; return its name."""
    name, data = pick(random, files)
    path = folder / f"{stem}{Path(name).suffix}"
    path.write_bytes(data)
    return path.name


def video_out(random: Random) -> str:
    return random.choice(("out.mp4", "out.mp4", "out.mkv", "out.mov", "out.webm"))


def video(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged video as IN of shm-video."""
    source, out = damaged(random, corpus.videos, folder), video_out(random)
    more = random.choice(((), (), ("--no-audio",), ("--bg", random.choice(BACKGROUNDS)), ("--keep", "largest")))
    return command("shm-video", source, out, *more, goals=(out,))


def excerpt(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged video of which shm-video writes an excerpt, scaled or in segments."""
    source, out = damaged(random, corpus.videos, folder), video_out(random)
    start = random.choice(((), ("--start", "0.08"), ("--start", "0.1", "--end", "0.3"), ("--frames", "3")))
    more = random.choice(((), ("--resume",), ("--resume",), ("--shard", "1/1"), ("--size", "48"), ("--size", "50x64")))
    return command("shm-video", source, out, *start, *more, goals=(out,))


def cutout(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged video of which shm-video writes alpha, in every format that has it, or the mattes alone."""
    source = damaged(random, corpus.videos, folder)
    if random.random() < 0.3:
        matte = random.choice(("matte.mkv", "matte.webm", "mattes/%03d.png"))
        return command("shm-video", source, "out.webm", "--alpha-out", matte, goals=("out.webm",))
    out, *more = random.choice(CUTOUTS)
    goal = "out/001.png" if "%" in out else out
    return command("shm-video", source, out, "--output-kind", "cutout", *more, goals=(goal,))


def sound(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A video whose sound packets are damaged, lost or of another length, in the container of a good one."""
    with_sound = {name: data for name, data in corpus.videos.items() if "-" in name and "alpha" not in name}
    name, data = pick(random, with_sound)
    share = random.choice((0.05, 0.3, 1.0))

    def change(packet: bytes) -> bytes | None:
        if random.random() > share:
            return packet
        return None if random.random() < 0.2 else damage(packet, random) if packet else packet

    suffix = random.choice((Path(name).suffix, ".mkv"))
    try:
        data = with_changed_packets(data, folder, f"sound{suffix}", change, "audio")
    except (av.FFmpegError, OSError, ValueError):  # a muxer that looks at what it gets: damage the file instead
        for path in folder.iterdir():
            path.unlink()
        data = damage(data, random)
    if random.random() < 0.2 and suffix in (".ts", ".mpg"):
        data += data[188 * random.randrange(20) :]
    (folder / f"in{suffix}").write_bytes(data)
    out = video_out(random)
    return command("shm-video", f"in{suffix}", out, goals=(out,))


def photo(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged photo as IN of shm-image, sometimes in a folder with good ones."""
    if random.random() < 0.15:
        (folder / "photos").mkdir()
        for number in range(3):
            make = good if number == 1 else damaged
            make(random, corpus.photos, folder / "photos", f"p{number}")
        return command("shm-image", "photos", "out", goals=("out/p0.png", "out/p1.png", "out/p2.png"), keeps=True)
    source = damaged(random, corpus.photos, folder)
    out = random.choice(("out.png", "out.webp", "out.tiff", "out.avif"))
    more: tuple[str, ...] = random.choice(
        ((), ("--alpha-only",), ("--bg", "blur"), ("--bg", "none"), ("--strip",), ("--crop", "--premultiplied"))
    )
    if "--bg" in more:
        out = "out.jpg"
    return command("shm-image", source, out, *more, goals=(out,))


def mask(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged mask, or photo, of shm-refine."""
    make_photo, make_mask = (damaged, good) if random.random() < 0.2 else (good, damaged)
    source = make_photo(random, corpus.photos, folder, "photo")
    masks = make_mask(random, corpus.masks, folder, "mask")
    return command("shm-refine", source, masks, "out.png", goals=("out.png",))


def coco(random: Random, folder: Path, corpus: Corpus) -> Case:
    """Damaged COCO annotations of a good photo."""
    (folder / "photos").mkdir()
    (folder / "photos/a.png").write_bytes(corpus.photos["plain.png"])
    content = corpus.coco[random.choice(sorted(corpus.coco))]
    (folder / "masks.json").write_bytes(damage_json(content, random))
    return command("shm-refine", "photos", "masks.json", "out", goals=("out/a.png",))


def background(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged picture or video as --bg."""
    behind = damaged(random, {**corpus.photos, **corpus.videos}, folder, "bg")
    if random.random() < 0.5:
        (folder / "in.png").write_bytes(corpus.photos["plain.png"])
        return command("shm-image", "in.png", "out.jpg", "--bg", behind, goals=("out.jpg",))
    (folder / "in.mp4").write_bytes(corpus.videos["h264.mp4"])
    fit = random.choice(("cover", "contain", "stretch"))
    return command("shm-video", "in.mp4", "out.mp4", "--bg", behind, "--fit", fit, goals=("out.mp4",))


def playlist(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A file that names other files, damaged or not, under its own name or a video's: it must never be followed."""
    name = random.choice(sorted(corpus.playlists))
    text = corpus.playlists[name]
    suffix = Path(name).suffix if random.random() < 0.5 else random.choice((".mp4", ".mkv", ".ts", ".png", ".gif"))
    (folder / f"in{suffix}").write_bytes(damage_text(text, random) if random.random() < 0.7 else text.encode())
    for each, data in (("other.ts", corpus.videos["h264-aac.ts"]), ("other.mp4", corpus.videos["h264.mp4"])):
        (folder / each).write_bytes(data)
    (folder / "other.png").write_bytes(corpus.photos["plain.png"])
    way = random.randrange(4)
    if way == 0:
        return command("shm-video", f"in{suffix}", "out.mp4", goals=("out.mp4",), refused=True)
    if way == 1:
        return command("shm-video", "other.mp4", "out.mp4", "--bg", f"in{suffix}", goals=("out.mp4",), refused=True)
    if way == 2:
        return command("shm-image", "other.png", "out.jpg", "--bg", f"in{suffix}", goals=("out.jpg",), refused=True)
    return command("shm-live", "--input", f"in{suffix}", "--no-window", "--record", "out.mkv", goals=("out.mkv",), refused=True)


def live(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged video at its own pace, or a folder of damaged backgrounds, recorded and piped."""
    more: tuple[str, ...] = ()
    if random.random() < 0.4:
        (folder / "backgrounds").mkdir()
        for number in range(2):
            damaged(random, {**corpus.photos, **corpus.videos}, folder / "backgrounds", f"b{number}")
        (folder / "in.mp4").write_bytes(corpus.videos["h264.mp4"])
        source, more = "in.mp4", ("--bg", "backgrounds")
    else:
        source = damaged(random, corpus.videos, folder)
    out = video_out(random)
    more += random.choice(((), ("--pipe", "y4m"), ("--pipe", "rgb24"), ("--size", f"{2 * WIDTH}x{HEIGHT}"), ("--mirror",)))
    return command("shm-live", "--input", source, "--no-window", "--record", out, *more, goals=(out,))
