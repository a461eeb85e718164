"""`python -m train.evaluation.curves RUN... PICTURE`: the training curves of one or several runs, from their logs, as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import engines.commands.running
from engines.errors import DataError
from train.in_place import in_place
from train.learning.stages import NAMES

SUFFIXES = (".png", ".svg", ".pdf")
SHOWN = {"mpn": ("loss", "mse", "iou"), "qun": ("loss", "identity", "consistence"), "mrn": ("loss", "alpha", "mse")}

Curve = list[tuple[int, float]]  # steps and values

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


def read_curves(logs: Path) -> dict[str, Curve]:
    """The curves of one stage by their tags, `train/loss` or `validation/mse`; none where there are no logs.

    Where a run was stopped and went on from an earlier checkpoint, what was done twice counts as it was done last.
    """
    if not logs.is_dir():
        return {}
    events = EventAccumulator(str(logs), size_guidance={"scalars": 0})
    events.Reload()
    tags: list[str] = events.Tags()["scalars"]
    curves = {}
    for tag in tags:
        scalars = events.Scalars(tag)
        curves[tag] = sorted({event.step: event.value for event in sorted(scalars, key=lambda e: e.wall_time)}.items())
    return curves


def draw_curves(runs: Mapping[str, Path], picture: Path) -> None:
    """Draws what each of the named runs logged: a row for a stage; held-out subjects solid, training samples dotted.

    Raises DataError where there are no logs, or the picture cannot be written.
    """
    if picture.suffix.lower() not in SUFFIXES:
        raise DataError(f"{picture}: name a {', '.join(SUFFIXES)} file")
    curves = {name: {stage: read_curves(run / "logs" / stage) for stage in NAMES} for name, run in runs.items()}
    for name, stages in curves.items():
        if not any(stages.values()):
            raise DataError(f"{runs[name]}: has no logs of a stage; give the --out of shm-train")
    rows = [stage for stage in NAMES if any(stages[stage] for stages in curves.values())]
    figure = Figure(figsize=(13, 3.4 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), 3, squeeze=False)
    for row, stage in enumerate(rows):
        for panel, metric in zip(panels[row], SHOWN[stage], strict=True):
            panel.set_title(f"{stage.upper()}: {metric}", fontsize=10)
            panel.set_xlabel("batches")
            panel.grid(alpha=0.3)
            for number, (name, stages) in enumerate(curves.items()):
                for kind, style in (("validation", "-"), ("train", ":")):
                    curve = stages[stage].get(f"{kind}/{metric}", [])
                    if curve:
                        label = name if kind == "validation" else f"{name}, in training"
                        panel.plot(*zip(*curve, strict=True), style, color=f"C{number % 10}", label=label, linewidth=1.2)
    handles = {label: line for panel in panels.flat for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=8)
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        with in_place(picture) as beside:
            figure.savefig(beside, dpi=110)
    except OSError as error:
        raise DataError(f"{picture}: cannot be written: {error.strerror}") from error


@app.command(epilog="Example:\n\n`python -m train.evaluation.curves runs/fine runs/all curves.png`")
def curves(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, as --out of shm-train made them.")],
    picture: Annotated[Path, typer.Argument(help="Where the picture goes: .png, .svg or .pdf.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a picture that is there.")] = False,
) -> None:
    """Draws the training curves of runs over one another, a row for each stage."""
    if picture.exists() and not overwrite:
        raise DataError(f"{picture}: exists; give another name, or --overwrite")
    if len({run.resolve() for run in runs}) < len(runs):
        raise DataError("a run is named twice; name each once")
    names = [run.resolve().name for run in runs]
    draw_curves({name if names.count(name) == 1 else str(run): run for name, run in zip(names, runs, strict=True)}, picture)


def main() -> None:
    """Runs the command."""
    engines.commands.running.run(app)


if __name__ == "__main__":
    main()
