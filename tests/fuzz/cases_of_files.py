"""More cases of the trial: recipes, weights, cached engines, and the values of options."""
# ruff: noqa: SIM905 - a word a line would hide what they are

import importlib
import json
import os
from pathlib import Path
from random import Random
from typing import Any

from engines.commands.running import run
from tests.fuzz.cases import Case, Make, background, coco, command, cutout, excerpt, live, mask, photo, playlist, sound, video
from tests.fuzz.cases_of_streams import hdr, pipe, sequence, subtitles
from tests.fuzz.corpus import BLOBS, KEY, Corpus
from tests.fuzz.mutations import damage, damage_json, damage_text

VALUES = (
    *"- -- -1 0 1 2 0.5 7.5 nan inf -inf 1e9 1e309 999999999999999999999999999999 0x10 1_000 ½ None true".split(),
    *"blur:nan blur:-1 blur:1e9 blur: #fff #ggg #1234567 checkerboard:0 %s \\ é \U0001f600 \udcff \x1b[31m".split(),
    *"64x48 0x0 -1x5 60000x60000 1x1 64x 64x48x3 cpu gpu auto fp16 large base y4m largest contain".split(),
    *"in.mp4 in.png photos missing fifo . .. in.mp4/x ~nobody folder.mp4 empty.mp4 loop.mp4".split(),
    *"http://127.0.0.1:9/x rtsp://127.0.0.1:9/x file:in.mp4 concat:in.mp4|in.mp4 data:,x pipe:0".split(),
    *("", " ", "a\nb", "x" * 5000),
)
USUAL = (
    "0 1 2 0.5 0.95 16 51 blur red in.png in.mp4 cover contain largest base large auto fp32 openvino 64x48 y4m person".split()
)
INPUTS = ("/dev/zero", "/dev/null", "/proc/self/mem", "/etc")  # for what is only read
LEFT_OUT = {"--webcam", "--virtual-camera", "--list-cameras", "--loop", "--help", "--version", "--window", "--overwrite"}
WRITING = {"--record", "--snapshots"}


def recipe(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged recipe or schedule of shm-train, read as it is before any training."""
    text = corpus.recipes[random.choice(sorted(corpus.recipes))]
    (folder / "recipe.toml").write_bytes(damage_text(text, random))

    def action() -> None:
        from train.learning.schedule import load_recipe_or_schedule

        run(lambda: load_recipe_or_schedule("recipe.toml") and None)

    return Case(["shm-train", "all", "--recipe", "recipe.toml", "--data", ".", "--out", "out"], action)


def weights(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged manifest, or a checkpoint that is damaged or holds something else."""
    if random.random() < 0.5:
        for name, data in corpus.weights.items():
            (folder / name).write_bytes(damage(data, random) if random.random() < 0.1 else data)
        (folder / "manifest.json").write_bytes(damage_json(corpus.manifest, random))

        def read_manifest() -> None:
            from engines.weights import verified

            run(lambda: verified(Path()) and None)

        return Case(["the weights in this folder, by engines.weights.verified"], read_manifest)
    _checkpoint(random, folder / "qun.pt")

    def read_checkpoint() -> None:
        from engines.networks import QUN
        from train.learning.runs import load_frozen

        run(lambda: load_frozen(QUN, Path("qun.pt")) and None)

    return Case(["shm-train", "mrn", "--on", ".", "--data", "data", "--out", "out"], read_checkpoint)


def _checkpoint(random: Random, path: Path) -> None:
    import io

    import torch

    from engines.networks import QUN

    torch.manual_seed(0)
    average: Any = QUN().state_dict()
    state: Any = {
        "stage": "qun",
        "step": 1,
        "seconds": 0.1,
        "recipe": {},
        "network": average,
        "average": average,
        "optimizer": {},
    }
    odd = random.choice((None, [], [1], {}, "x", 7, {"a": 1}, {1: 2}, torch.zeros(3), [average]))
    way = random.randrange(5)
    if way == 0:
        state = odd
    elif way == 1:
        state[random.choice(sorted(state))] = odd
    elif way == 2:
        del state[random.choice(sorted(state))]
    elif way == 3:
        state["average"] = {**average, random.choice(sorted(average)): odd}
    written = io.BytesIO()
    torch.save(state, written)
    path.write_bytes(damage(written.getvalue(), random) if way == 4 else written.getvalue())


def cache(random: Random, folder: Path, corpus: Corpus) -> Case:
    """A damaged file in the cache of engines, or one with a right SHA-256 and a wrong head: it is built again, or listed."""
    import hashlib

    (name, data), *_ = corpus.cache.items()
    place = folder / "cache" / KEY.backend
    place.mkdir(parents=True, mode=0o700)
    (folder / "cache").chmod(0o700)
    if random.random() < 0.5:
        head, blobs = data[65:].split(b"\n", 1)
        body = damage_json(json.loads(head), random) + b"\n" + blobs
        data = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    else:
        data = damage(data, random)
    (place / name).write_bytes(data)

    def obtain() -> None:
        from engines.commands.compile import app
        from engines.store.cache import Cache

        os.environ["SHM_CACHE"] = "cache"
        found = Cache(Path("cache"))
        found.keys(KEY.backend)
        found.entries()
        assert found.obtain(KEY, lambda: BLOBS) == BLOBS
        run(app, ["--list"])

    return Case(["SHM_CACHE=cache", "shm-compile", "--list"], obtain)


def option(random: Random, folder: Path, corpus: Corpus) -> Case:
    """Odd values for one or two options of a command whose other input is good."""
    import typer.main

    for name, data in (("in.mp4", corpus.videos["h264-aac.mp4"]), ("in.png", corpus.photos["alpha.png"]), ("empty.mp4", b"")):
        (folder / name).write_bytes(data)
    (folder / "mask.png").write_bytes(corpus.masks["grey.png"])
    for name in ("photos", "folder.mp4"):
        (folder / name).mkdir()
    (folder / "photos/a.png").write_bytes(corpus.photos["plain.png"])
    os.mkfifo(folder / "fifo")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    which = random.choice(("image", "video", "refine", "live"))
    words = {
        "image": ["in.png", "out.png"],
        "video": ["in.mp4", "out.mp4"],
        "refine": ["in.png", "mask.png", "out.png"],
        "live": ["--input", "in.mp4", "--no-window", "--record", "out.mp4"],
    }[which]
    parameters = typer.main.get_command(importlib.import_module(f"realtime.commands.{which}").app).params
    names = sorted({max(each.opts, key=len) for each in parameters if each.param_type_name == "option"} - LEFT_OUT)
    for name in random.sample(names, random.choice((1, 1, 2))):
        flag = any(name in each.opts and getattr(each, "is_flag", False) for each in parameters)
        value = random.choice(random.choice((VALUES, USUAL, VALUES if name in WRITING else INPUTS)))
        words += [name] if flag else [name, value]
    if random.random() < 0.3:  # another argument
        words[random.randrange(len(words))] = random.choice(VALUES)
    elif random.random() < 0.2:  # something else to read from
        words[which == "live"] = random.choice(("fifo", *INPUTS))
    return command(f"shm-{which}", *words, keeps=True)


# Of each kind: how to make a case, and its share of all.
KINDS: dict[str, tuple[Make, int]] = {
    "video": (video, 900),
    "sound": (sound, 500),
    "sequence": (sequence, 400),
    "pipe": (pipe, 400),
    "subtitles": (subtitles, 200),
    "hdr": (hdr, 200),
    "photo": (photo, 700),
    "mask": (mask, 300),
    "coco": (coco, 400),
    "cutout": (cutout, 300),
    "excerpt": (excerpt, 300),
    "background": (background, 400),
    "playlist": (playlist, 200),
    "live": (live, 150),
    "recipe": (recipe, 400),
    "weights": (weights, 250),
    "cache": (cache, 250),
    "option": (option, 500),
}
