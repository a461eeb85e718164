"""`shm-eval blind`: compare mattes with a peer's by eye, without knowing whose is whose."""

import random
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.app import command_app
from engines.commands.options import Model, Threads
from engines.commands.running import UsageError, needs_extra
from engines.geometry import BASE
from train.commands.models import open_models
from train.commands.options import Adapters, ComparedPrecision, PeerPython
from train.commands.reports import progress_bar

app = command_app("Compare mattes with a peer's by eye, without knowing whose is whose: draw pairs, vote, count.")


@app.command()
def draw(
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Pictures, or folders of pictures.")],
    out: Annotated[Path, typer.Option(help="A new folder for the sheets, the key and an empty ballot.")],
    adapters: Adapters = None,
    peer: Annotated[str, typer.Option(help="The adapter to compare with.")] = "rvm",
    peer_python: PeerPython = None,
    precision: ComparedPrecision = "fp32",
    model: Model = BASE,
    threads: Threads = None,
    count: Annotated[int, typer.Option(min=1, help="Number of pairs, drawn from the pictures.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the random draw.")] = 1,
) -> None:
    """Write sheets of pairs: ours, as shm-image makes it, and the peer's, left and right at random.

    Look at the sheets, write a vote for each number into votes.txt (left, right or same), and only then type `count`.

    \b
    Example:
      shm-eval blind draw photos --out blind --adapters adapters --peer rvm
    """
    if out.exists():
        raise UsageError(f"--out {out}: exists; name a new folder")
    with needs_extra("train"):
        from train.evaluation.blind import VOTES, choose_pictures, draw_pairs

        rng = random.Random(seed)
        chosen = choose_pictures(pictures, count, rng)
        with (
            open_models("auto", threads, precision, model, adapters, [peer], peer_python) as (engine, peers),
            progress_bar(out.name, len(chosen)) as advance,
        ):
            assert engine is not None
            draw_pairs(chosen, out, engine, peers[0], rng, advance)
    print(f"{len(chosen)} pairs in {out}; write left, right or same after each number in {out / VOTES}")


@app.command()
def count(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of `draw`, with votes.txt filled in.")],
) -> None:
    """Count the votes: how often ours was better, the same, and worse.

    \b
    Example:
      shm-eval blind count blind
    """
    with needs_extra("train"):
        from train.evaluation.blind import count_votes

        print(count_votes(folder))
