"""Tables of scores on a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from train.evaluation.empty import MOSTLY_NOBODY, EmptyScore
from train.evaluation.scores import Candidate, Score, TestSet

HEADINGS = {
    "sad": "SAD",
    "mse": "MSE",
    "gradient": "Grad",
    "connectivity": "Conn",
    "band": "Edges",
    "iou": "IoU",
}
HIGHER_IS_BETTER = {"iou"}
NOTE = (
    "Errors are means over all pixels of a picture, then over pictures. SAD: mean absolute difference, also called MAD. Grad, "
    "Conn: gradient and connectivity error. Edges: SAD where the true alpha is unknown, dilated by a 25-pixel ellipse. IoU: at "
    "0.5. ms: median time of a frame, from uint8 to alpha and foreground (a peer: alpha only), the first of each size left "
    "out; `bench latency` measures speed with more care."
)
WIDEST = 1000  # characters of a line
NOTABLE = 0.02  # of the error before: a smaller change of a picture is not counted
RESAMPLINGS = 10_000
COMPARISON_NOTE = (
    f"Better, worse: pictures whose error, or what is missing to an IoU of 1, changes by more than {NOTABLE:.0%}. 95 %: where "
    f"the difference of the means lies, by {RESAMPLINGS:,} resamplings of the pictures. Where 0 lies in it, these pictures do "
    "not show which is better."
)


def table_of(title: str, name: str, figures: Iterable[str]) -> Table:
    """A table without rows, of which the first column has names, and the others figures."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(name, no_wrap=True)
    for heading in figures:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def print_table(table: Table) -> None:
    """Print a table of which no figure is cut off, however narrow the terminal is."""
    console = Console()
    console.width = max(console.width, console.measure(table, options=console.options.update(max_width=WIDEST)).maximum)
    console.print(table)


def score_table(test_set: TestSet, scores: Sequence[Score]) -> Table:
    """The scores of one set, a row for each model, the best of each column in bold."""
    title = f"{test_set.name}: {len(test_set.items)} pictures with true {test_set.truths}, errors x1e-3"
    means = {metric: [score.mean(metric) for score in scores] for metric in test_set.metrics}
    table = table_of(title, "model", [*(HEADINGS[metric] for metric in means), "ms"])
    for row, score in enumerate(scores):
        cells = [_cell(metric, column, row) for metric, column in means.items()]
        table.add_row(f"{score.model} {score.precision}", *cells, f"{score.median_milliseconds():.1f}")
    return table


def empty_table(candidate: Candidate, score: EmptyScore) -> Table:
    """Mean alpha of pictures with nobody in them, a row for each set and one for all."""
    title = f"{candidate.name} {candidate.precision}: mean alpha where nobody is"
    table = table_of(title, "set", ("pictures", "mean", "of the worst", f"pictures above {MOSTLY_NOBODY:g}"))
    for name, part in (score.sets() | {"all": score}).items():
        table.add_row(name, str(len(part.alphas)), f"{part.mean:.4f}", f"{part.worst:.3f}", f"{part.mistaken:.0%}")
    return table


@dataclass(frozen=True)
class Comparison:
    """A metric of two models on the pictures that both were evaluated on."""

    set: str
    model: str
    before: dict[str, float]  # of each picture, by its stem
    after: dict[str, float]
    metric: str

    @property
    def changes(self) -> dict[str, float]:
        """After less before, of each picture."""
        return {stem: self.after[stem] - figure for stem, figure in self.before.items()}

    def count(self, *, better: bool) -> int:
        """Pictures that are notably better, or worse."""
        rises = self.metric in HIGHER_IS_BETTER
        sign = 1 if better == rises else -1
        errors = {stem: 1 - figure if rises else figure for stem, figure in self.before.items()}
        return sum(sign * change > NOTABLE * errors[stem] for stem, change in self.changes.items())

    def interval(self) -> tuple[float, float]:
        """The 95 % bootstrap interval of the difference of the means, the pictures drawn in pairs (Efron, 1979)."""
        changes, random = np.fromiter(self.changes.values(), float), np.random.default_rng(0)
        means = [changes[random.integers(len(changes), size=len(changes))].mean() for _ in range(RESAMPLINGS)]
        low, high = np.quantile(means, (0.025, 0.975))
        return float(low), float(high)

    def most_changed(self) -> str:
        """The stem of the picture that changes most."""
        return max((changes := self.changes), key=lambda stem: abs(changes[stem]))


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """Two models, a row for each set and model: the means, how sure their difference is, and the picture that changes most."""
    metric = comparisons[0].metric
    scale, places = (1, 4) if metric in HIGHER_IS_BETTER else (1e3, 2)
    unit = "" if scale == 1 else ", x1e-3"
    figures = ("pictures", "before", "after", "difference, 95 %", "better", "worse", "changes most")
    table = table_of(f"{HEADINGS[metric]}{unit}, picture by picture", "set: model", figures)
    for each in comparisons:
        stem = each.most_changed()
        means = [fmean(values.values()) for values in (each.before, each.after)]
        low, high = each.interval()
        table.add_row(
            f"{each.set}: {each.model}",
            str(len(each.before)),
            *(f"{scale * mean:.{places}f}" for mean in means),
            f"{scale * low:+.{places}f} to {scale * high:+.{places}f}",
            str(each.count(better=True)),
            str(each.count(better=False)),
            f"{stem}: {scale * each.before[stem]:.{places}f} -> {scale * each.after[stem]:.{places}f}",
        )
    return table


def _cell(metric: str, column: list[float], row: int) -> str:
    text = f"{column[row]:.4f}" if metric in HIGHER_IS_BETTER else f"{1e3 * column[row]:.2f}"
    best = max(column) if metric in HIGHER_IS_BETTER else min(column)
    return f"[bold]{text}[/bold]" if column[row] == best and len(column) > 1 else text
