"""Tables of scores on a terminal."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
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


def table_of(title: str, name: str, figures: Iterable[str]) -> Table:
    """A table without rows, of which the first column has names, and the others figures."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(name, no_wrap=True)
    for heading in figures:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


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


def _cell(metric: str, column: list[float], row: int) -> str:
    text = f"{column[row]:.4f}" if metric in HIGHER_IS_BETTER else f"{1e3 * column[row]:.2f}"
    best = max(column) if metric in HIGHER_IS_BETTER else min(column)
    return f"[bold]{text}[/bold]" if column[row] == best and len(column) > 1 else text
