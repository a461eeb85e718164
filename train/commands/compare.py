"""`shm-eval compare`: whether one model is better than another, picture by picture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engines.commands.running import UsageError, needs_extra

if TYPE_CHECKING:
    from train.evaluation.tables import Comparison

Metric = Literal["mse", "sad", "gradient", "connectivity", "band", "iou"]


def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Figures by --json of shm-eval or bench quality.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Others, of the same sets; it may be the same file.")],
    metric: Annotated[Metric, typer.Option(help="Of which error, or IoU.")] = "mse",
    model: Annotated[str | None, typer.Option(help="A model of AFTER, as its table has it; by default each in both.")] = None,
    against: Annotated[str | None, typer.Option(help="The model of BEFORE beside --model; by default that one.")] = None,
) -> None:
    """Compare two models picture by picture: how many got better, and whether the means differ by more than chance.

    The mean of a set can hang on one picture. Compare your own weights with the released ones on the same sets, or a model with
    a peer of the same run.

    \b
    Examples:
      shm-eval compare before.json after.json
      shm-eval compare quality.json quality.json --model "ours, openvino" --against rvm --metric band
    """
    if against is not None and model is None:
        raise UsageError(f"--against {against}: needs --model, the one of {after} to compare it with")
    with needs_extra("train"):
        from rich.console import Console

        from train.evaluation.tables import COMPARISON_NOTE, comparison_table, print_table

        found = list(comparisons(read_scores(before), read_scores(after), metric, model, against))
        if not found:
            wanted = f"the model {against or model}" if model else "a model"
            raise UsageError(f"{before}, {after}: have no set with {metric} of {wanted} in both; compare runs on the same sets")
        print_table(comparison_table(found))
        Console().print(COMPARISON_NOTE, style="dim")


def read_scores(path: Path) -> dict[str, dict[str, dict[str, dict[str, float | None]]]]:
    """Metrics by set, model and precision, and picture. Raises UsageError for a file that has none."""
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(each["set"]): {f"{model['model']} {model['precision']}": dict(model["pictures"]) for model in each["models"]}
            for each in report["sets"]
        }
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not of shm-eval or bench quality"
        raise UsageError(f"{path}: {reason}; name a file that one of these wrote by --json") from error


def comparisons(
    before: dict[str, Any], after: dict[str, Any], metric: str, model: str | None, against: str | None
) -> "Iterator[Comparison]":
    """Each model of each set that is in both, or the two that are named, with or without their precision."""
    from train.evaluation.tables import Comparison

    for name, models in after.items():
        for label, pictures in models.items():
            if model is not None and model not in (label, label.rpartition(" ")[0]):
                continue
            wanted = label if against is None else against
            for other, old in before.get(name, {}).items():
                if wanted not in (other, other.rpartition(" ")[0]):
                    continue
                pairs = {stem: (old[stem].get(metric), each.get(metric)) for stem, each in pictures.items() if stem in old}
                both = {stem: pair for stem, pair in pairs.items() if None not in pair}
                if both:
                    shown = label if other == label else f"{other} -> {label}"
                    first, second = ({stem: float(pair[side]) for stem, pair in both.items()} for side in (0, 1))
                    yield Comparison(name, shown, first, second, metric)
