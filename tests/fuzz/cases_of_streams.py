"""More cases of the trial: numbered pictures, pipes, subtitles, and high dynamic range."""

from pathlib import Path
from random import Random

import av

from tests.fuzz.cases import Case, command, damaged, pick, video_out
from tests.fuzz.corpus import Corpus, with_changed_packets
from tests.fuzz.mutations import damage

PIPED = "out-of-pipe.mkv"  # where standard output goes
OUTPUTS = {  # of each, what is there at the end
    ("out.mp4",): "out.mp4",
    ("out.mkv", "--resume"): "out.mkv",
    ("-",): PIPED,
    ("-", "--output-kind", "cutout", "--codec", "ffv1"): PIPED,
    ("out/%05d.png", "--output-kind", "cutout"): "out/00001.png",
    ("out/%d.exr",): "out/1.exr",
    ("out/%05d.exr", "--output-kind", "cutout"): "out/00001.exr",
}
PARTS = ((), (), ("--start", "0.04"), ("--frames", "2"), ("--size", "48"), ("--keep", "50%,50%"), ("--keep", "1,1@0.04"))


def sequence(random: Random, folder: Path, corpus: Corpus) -> Case:
    """Numbered pictures, one or more of which are damaged, missing, of another size or kind, or no files at all."""
    suffix = random.choice(sorted(corpus.members))
    every = [data for pictures in corpus.members.values() for data in pictures]
    name = random.choice(("%05d", "%d", "shot.%03d"))
    (folder / "frames").mkdir()
    first, count = random.choice((0, 1, 98)), random.randrange(1, 6)
    for number in range(first, first + count):
        (folder / "frames" / f"{name % number}{suffix}").write_bytes(random.choice(corpus.members[suffix][:-1]))
    for _ in range(random.choice((1, 1, 2))):
        path = folder / "frames" / f"{name % random.randrange(first, first + count)}{suffix}"
        if path.is_dir():
            continue
        path.unlink(missing_ok=True)
        way = random.randrange(9)
        if way < 5:
            path.write_bytes(damage(random.choice(corpus.members[suffix]), random, every))
        elif way == 5:
            path.write_bytes(corpus.members[suffix][-1])  # larger
        elif way == 6:
            path.write_bytes(random.choice(every))
        elif way == 7:
            odd = random.choice(("folder", "empty", "loop", "missing"))
            if odd == "folder":
                path.mkdir()
            elif odd == "empty":
                path.touch()
            elif odd == "loop":
                path.symlink_to(path)
    (words, goal), part = random.choice(list(OUTPUTS.items())), random.choice(PARTS)
    source = ("frames", "--rate", "24") if random.random() < 0.2 else (f"frames/{name}{suffix}",)
    return command("shm-video", *source, *words, *part, goals=(goal,), written=PIPED)


def pipe(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged video that comes through a pipe."""
    name, data = pick(random, {**corpus.videos, **corpus.streamed, **corpus.subtitled})
    if random.random() < 0.9:
        data = damage(data, random, list(corpus.streamed.values()))
    path = folder / f"in{Path(name).suffix}"
    path.write_bytes(data)
    words, goal = random.choice([each for each in OUTPUTS.items() if "--resume" not in each[0]])
    part = random.choice([each for each in PARTS if "--start" not in each and "@" not in each[-1:]])
    return command("shm-video", "-", *words, *part, goals=(goal,), read=path.name, written=PIPED)


def subtitles(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A video with subtitles and fonts, whole or in single packets damaged."""
    name, data = pick(random, corpus.subtitled)
    suffix = Path(name).suffix
    path = folder / f"in{suffix}"
    share = random.choice((0.3, 1.0))

    def change(packet: bytes) -> bytes | None:
        if random.random() > share:
            return packet
        return None if random.random() < 0.2 else damage(packet, random) if packet else packet

    try:
        if random.random() < 0.5:
            data = with_changed_packets(data, folder, f"words{suffix}", change, "subtitle")
        else:
            data = damage(data, random, list(corpus.subtitled.values()))
    except (av.FFmpegError, OSError, ValueError):  # a muxer that looks at what it gets
        for each in folder.iterdir():
            each.unlink()
        data = damage(data, random)
    path.write_bytes(data)
    out = random.choice((video_out(random), "out.mkv", "-"))
    part = random.choice((*PARTS, ("--shard", "1/1"))) if out != "-" else ()
    return command("shm-video", path.name, out, *part, goals=(PIPED if out == "-" else out,), written=PIPED)


def hdr(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A video of high dynamic range, some of whose metadata make no sense, damaged."""
    source = damaged(random, corpus.high_range, folder)
    keeps = {
        ("out.mp4", "--codec", "hevc"): "out.mp4",
        ("out.mkv", "--codec", "av1"): "out.mkv",
        ("out.mov", "--output-kind", "cutout"): "out.mov",
        ("out/%05d.exr",): "out/00001.exr",
        ("out.mp4",): "out.mp4",
    }
    (words, goal) = random.choice(list(keeps.items()))
    keep = () if words == ("out.mp4",) else ("--hdr", "keep")
    return command("shm-video", source, *words, *keep, *random.choice(((), ("--frames", "2"))), goals=(goal,))
