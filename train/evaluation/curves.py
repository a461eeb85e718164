"""Training curves of one or several runs, drawn from their logs."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engines.atomic import replacing
from engines.errors import DataError
from train.recipe import ALL_TASKS

SUFFIXES = (".png", ".svg", ".pdf")
SHOWN = dict.fromkeys(ALL_TASKS, ("loss", "alpha", "mse")) | {
    "mpn": ("loss", "mse", "iou"),
    "qun": ("loss", "identity", "consistence"),
    "deeplab": ("loss", "mse", "iou"),
    "tnet": ("loss", "accuracy", "unknown"),
}

Curve = list[tuple[int, float]]  # steps and values


def read_curves(logs: Path) -> dict[str, Curve]:
    """The curves of one task by their tags, `train/loss` or `validation/mse`; empty without logs.

    A step that was repeated, because a run resumed from an earlier checkpoint, counts as it was logged last.
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


def curves_of(run: Path) -> dict[str, dict[str, Curve]]:
    """The curves of a run by its tasks, of those that have any."""
    curves = {task: read_curves(run / "logs" / task) for task in ALL_TASKS}
    return {task: each for task, each in curves.items() if each}


def draw_curves(runs: Mapping[str, Path], picture: Path) -> None:
    """Draw the curves of the named runs, a row for each task; validation solid, training dotted.

    Raises DataError if there are no logs, or the picture cannot be written.
    """
    if picture.suffix.lower() not in SUFFIXES:
        raise DataError(f"{picture}: name a {', '.join(SUFFIXES)} file")
    curves = {name: curves_of(run) for name, run in runs.items()}
    for name, tasks in curves.items():
        if not tasks:
            raise DataError(f"{runs[name]}: has no logs; give the folder of a run of shm-train")
    rows = [task for task in ALL_TASKS if any(task in tasks for tasks in curves.values())]
    figure = Figure(figsize=(13, 3.4 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), 3, squeeze=False)
    for row, task in enumerate(rows):
        for panel, metric in zip(panels[row], SHOWN[task], strict=True):
            panel.set_title(f"{task.upper()}: {metric}", fontsize=10)
            panel.set_xlabel("batches")
            panel.grid(alpha=0.3)
            for number, (name, tasks) in enumerate(curves.items()):
                for kind, style in (("validation", "-"), ("train", ":")):
                    curve = tasks.get(task, {}).get(f"{kind}/{metric}", [])
                    if curve:
                        label = name if kind == "validation" else f"{name}, in training"
                        panel.plot(*zip(*curve, strict=True), style, color=f"C{number % 10}", label=label, linewidth=1.2)
    handles = {label: line for panel in panels.flat for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=8)
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        with replacing(picture) as beside:
            figure.savefig(beside, dpi=110)
    except OSError as error:
        raise DataError(f"{picture}: cannot be written: {error.strerror}") from error
