"""`python -m train.worth`: what an augmentation or a set of people is worth: runs of equal length, each without one of them."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated

import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import engines.errors
from engines import InputError
from train.cli import Precision, Which, make_folder, read_data
from train.curves import draw_curves
from train.library import Library
from train.recipe import Augment, Recipe, Stage, load_recipe
from train.runs import RELEASED, Run, learn, prepare
from train.trainer import Trainer

WITH_ALL = "all"
JUDGED = 32  # batches
NOTHING = Path("nothing")  # in place of a run to begin with: as shm-train begins
PLAIN = Augment(turn=0, tint=0, light=0, blur=0, noise=0, compression=0)

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@dataclass(frozen=True)
class Worth:
    """Mean square errors of a run on subjects that were kept out: through a camera, as the recipe has it, and plain."""

    without: str
    seed: int
    camera: float
    plain: float


def left_out(network: str, recipe: Recipe, without: Sequence[str] | None) -> dict[str, Recipe]:
    """The recipe, and the recipe without each augmentation or set that is named, or without each augmentation that it has.

    Several in one, `blur+noise`, are left out together. Raises InputError for a name that the recipe does not have, or that
    this network draws nothing of.
    """
    chances = dataclasses.asdict(recipe.augment)
    shares = chances | (recipe.sets if network == Which.mpn.value else recipe.fine_sets)
    variants = {WITH_ALL: recipe}
    for together in without or [name for name, chance in chances.items() if chance]:
        names = together.split("+")
        for name in names:
            if name not in shares:
                raise InputError(f"--without {name}: no augmentation, nor a set for {network}; give one of {', '.join(shares)}")
            if not shares[name]:
                raise InputError(f"--without {name}: the recipe has none of it for {network}")
        none = dict.fromkeys((name for name in names if name in chances), 0.0)
        fewer = undrawn(recipe, [name for name in names if name not in chances])
        variants[together] = replace(fewer, augment=replace(recipe.augment, **none))
    return variants


def undrawn(recipe: Recipe, sets: Sequence[str]) -> Recipe:
    """The recipe that draws nobody of these sets."""
    none = dict.fromkeys(sets, 0.0)
    return replace(recipe, sets=recipe.sets | none, fine_sets=recipe.fine_sets | none)


def telling(stage: Stage, steps: int) -> Stage:
    """A stage of so many batches that ends as these made it: nothing of its beginning kept, a mean of a third of it at most."""
    return replace(stage, steps=steps, keep=0.0, average=min(stage.average, max(0.0, 1 - 3 / steps)))


def judge(network: str, library: Library, recipe: Recipe, judged_on: Recipe, run: Run, without: str) -> Worth:
    """Scores a finished run, on the same samples as the others."""
    trainer = Trainer(prepare(network, library, recipe, run), library, recipe, run.out, precision="fp32")
    camera, plain = (trainer.judge(seen, JUDGED)["mse"] for seen in (judged_on, replace(judged_on, augment=PLAIN)))
    return Worth(without, recipe.seed, camera, plain)


def tell(scores: Sequence[Worth], steps: int) -> Table:
    """A row for each augmentation: the errors without it, and how much more that is than with all, seed by seed."""
    table = Table(
        title=f"Without each, after {steps} batches: MSE x1e-3 on people kept out", box=SIMPLE_HEAD, title_justify="left"
    )
    table.add_column("without")
    for heading in ("camera", "more (each seed)", "plain", "more (each seed)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in dict.fromkeys(score.without for score in scores):
        row = [name.replace("+", ", ") if name != WITH_ALL else "nothing"]
        for kind in ("camera", "plain"):
            own, whole = ({s.seed: 1e3 * getattr(s, kind) for s in scores if s.without == each} for each in (name, WITH_ALL))
            differences = [own[seed] - whole[seed] for seed in own]
            each = ", ".join(f"{difference:+.2f}" for difference in differences)
            row += [f"{fmean(own.values()):.2f}", "" if name == WITH_ALL else f"{fmean(differences):+.2f} ({each})"]
        table.add_row(*row)
    return table


def write(scores: Sequence[Worth], steps: int, runs: dict[str, Path], out: Path) -> None:
    """Writes worth.json, worth.txt and worth.png into `out`."""
    console = Console(width=100, file=(out / ".worth.txt").open("w", encoding="utf-8"))
    with console.file:
        console.print(tell(scores, steps))
    (out / ".worth.txt").replace(out / "worth.txt")
    (out / ".worth.json").write_text(
        json.dumps({"steps": steps, "scores": [dataclasses.asdict(score) for score in scores]}, indent=1), encoding="utf-8"
    )
    (out / ".worth.json").replace(out / "worth.json")
    draw_curves(runs, out / "worth.png")


@app.command(
    epilog="Examples:\n\n"
    "`python -m train.worth mpn --data data --out runs/augment --recipe ablation_augment --begin-with nothing --steps 300`\n\n"
    "`python -m train.worth mrn --data data --out runs/worth-mrn --steps 300 --without noise --without blur`\n\n"
    "`python -m train.worth mpn --data data --out runs/worth-synthetic --recipe ablation_synthetic --without cutouts_synthetic`"
)
def worth(
    network: Annotated[Which, typer.Argument(help="The network to train: mpn or mrn.")],
    data: Annotated[Path, typer.Option(help="As in shm-train.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, worth.json, worth.txt and worth.png; goes on from there.")],
    recipe: Annotated[
        str, typer.Option(help="A recipe that ships, or a TOML file: what is left out is of its [augment] or its sets.")
    ] = "fifth",
    steps: Annotated[int, typer.Option(help="Batches of each run.", min=1)] = 400,
    seeds: Annotated[int, typer.Option(help="Runs of each kind: how they differ tells what is chance.", min=1)] = 2,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out only this, or a set; may be given again. a+b: both together."),
    ] = None,
    begin_with: Annotated[
        Path, typer.Option(help="Folder of a run, `released`, or `nothing`: ImageNet's weights for MPN, chance for MRN.")
    ] = RELEASED,
    on: Annotated[
        Path, typer.Option(help="Folder of a run, or `released`: the networks before the one that learns.")
    ] = RELEASED,
    threads: Annotated[int, typer.Option(help="Threads for the networks; 0: all cores.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes that prepare samples.", min=0)] = 1,
    precision: Annotated[Precision, typer.Option(help="auto: bf16 where the hardware multiplies it.")] = Precision.auto,
) -> None:
    """Trains a network with all augmentations and, for as long, without each of them; tells how they do on people kept out.

    A set of people is left out in the same way where it is named. Nobody of it is judged on.
    """
    if network not in (Which.mpn, Which.mrn):
        raise InputError(f"{network.value}: give mpn or mrn; what an augmentation is worth is told for each by itself")
    name = network.value
    if threads:
        torch.set_num_threads(threads)
    make_folder(data, out)
    base = load_recipe(recipe)
    base = replace(base, mpn=telling(base.mpn, steps), mrn=telling(base.mrn, steps))
    library = read_data(data, base, recipe)
    if not library.validation:
        raise InputError(f"--recipe {recipe}: keeps nobody out to judge on; raise its 'validation'")
    variants = left_out(name, base, without)
    named = {each for together in variants for each in together.split("+")}
    judged_on = undrawn(base, [each for each in base.sets | base.fine_sets if each in named])
    scores: list[Worth] = []
    first: dict[str, Path] = {}
    for seed in range(base.seed, base.seed + seeds):
        for kind, settings in variants.items():
            run = Run(out / f"{kind}-{seed}", None if begin_with == NOTHING else begin_with, on)
            settings = replace(settings, seed=seed)
            if not learn([name], library, settings, run, workers, precision.value, judged_on):
                raise typer.Exit(130)
            scores.append(judge(name, library, settings, judged_on, run, kind))
            if seed == base.seed:
                first["with all" if kind == WITH_ALL else f"without {kind}"] = run.out
    write(scores, steps, first, out)
    print((out / "worth.txt").read_text(encoding="utf-8"), end="")


def main() -> None:
    """Runs the command."""
    engines.errors.run(app)


if __name__ == "__main__":
    main()
