"""`shm-eval clips`: make clips with known alpha."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.running import needs_extra
from train.commands.reports import progress_bar


def clips(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the clips; existing clips are kept.")],
    people: Annotated[Path, typer.Option(help="A set with images/ and alphas/, whose people are cut out.")],
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder of pictures with nobody in them; by default, the set's own backgrounds.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of clips; desk, talk, hand and step alternate.")] = 12,
    frames: Annotated[int, typer.Option(min=8, help="Frames of each clip, at 25 frames/s.")] = 30,
    long_side: Annotated[int, typer.Option(min=64, help="Long side of the frames at most, in pixels.")] = 640,
    scale: Annotated[float, typer.Option(min=0.1, max=1, help="Size of the people; below 1 they are farther away.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the random draw.")] = 1,
) -> None:
    """Make clips with known alpha out of people with known alpha, to measure flicker on.

    At a desk a person hardly moves; in a talk, more; with a hand-held camera the background moves, too; at a step the person
    jumps. Use people and backgrounds that nothing was trained on, and do not train on these clips.

    \b
    Examples:
      shm-eval clips clips --people eval/composites
      shm-eval clips clips --people eval/composites --backgrounds rooms --count 40 --frames 100
      shm-eval clips far --people eval/people --scale 0.4 --long-side 1280
    """
    with needs_extra("train"):
        import numba  # noqa: F401 - which PyMatting needs; if it is missing, that is reported before the first clip

        from train.evaluation.clips import make_clips

        with progress_bar(out.name, count) as advance:
            make_clips(
                out,
                people,
                backgrounds,
                count=count,
                frames=frames,
                long_side=long_side,
                scale=scale,
                seed=seed,
                advance=advance,
            )
    print(f"{count} clips in {out}", file=sys.stderr)
