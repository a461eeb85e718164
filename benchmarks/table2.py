"""`bench table2`: the paper's Table 2, its seven rows beside the paper's figures, and its figures 3, 5 and 6."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks import common, quality
from benchmarks.common import HEADINGS, Report
from engines.commands.options import Overwrite
from train.commands.models import open_sets
from train.commands.options import JsonFile, Sets
from train.commands.reports import make_pictures_folder, progress_bar

METRICS = ("sad", "mse", "gradient", "connectivity")
DIFFERENT_DATA = (
    "The data differ: the paper's figures are means over its own 1360 test pictures, which are not public, and ours over the "
    "sets named here. Compare the order of the rows, not the numbers. How the paper scales its gradient error is not stated. "
    "Its figures are as printed; 0.080 for the connectivity of closed form may be a slip."
)


def paper_table(report: Report) -> str:
    """The paper's Table 2 beside the same measured here, a table a set with true alphas, in Markdown."""
    tables = []
    for test_set in [each for each in report["sets"] if each["truths"] == "alphas"]:
        headings = ["method", *(f"{HEADINGS[m]}, {where}" for m in METRICS for where in ("paper", test_set["set"]))]
        means = {model["model"]: model["mean"] for model in test_set["models"]}
        rows = []
        for name, paper in report["paper"].items():
            here = [means[name][metric] if name in means else None for metric in METRICS]
            pairs = zip(paper, here, strict=True)
            rows.append([name, *("" if x is None else f"{1e3 * x:.1f}" for pair in pairs for x in pair)])
        tables.append(common.markdown_table(headings, rows))
    return "\n".join([*tables, f"Errors x1e-3. {DIFFERENT_DATA}\n"])


def page(report: Report) -> str:
    """The paper's table, how long each network was trained, and what is missing."""
    steps = ", ".join(f"{name} {count}" for name, count in report["steps"].items())
    trained = f"Steps of training: {steps}." if steps else ""
    return "\n".join(["", paper_table(report), trained, "", *report["missing"]])


def table2(
    sets: Sets,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the runs all, fine, without-qun, deeplab, dim and shm.")],
    with_closed_form: Annotated[
        bool, typer.Option("--closed-form/--no-closed-form", help="Closed-form matting, which needs no run.")
    ] = True,
    json_file: JsonFile = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw figures 3, 5 and 6 and the curves of the runs into this folder.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="With --pictures: how many pictures of each set.")] = 3,
    overwrite: Overwrite = False,
) -> None:
    """The paper's Table 2 on test sets, from runs of shm-train: its seven rows beside the paper's figures.

    A row whose run is missing is named, with the command that trains it. Sets with masks have no trimaps, so closed form and
    DIM are left out there. The released weights, with QUN and without it, need no run: shm-eval --table.

    \b
    Examples:
      bench table2 eval/composites eval/people --runs runs/table2
      bench table2 eval/composites eval/portraits --runs runs/table2 --json table2.json --pictures figures
    """
    test_sets = open_sets(sets)
    sections: list[Report] = []
    with common.reported(page, json_file, overwrite, None) as report:
        from train.evaluation.curves import curves_of, draw_curves
        from train.evaluation.table2 import ROWS, open_rows, table2_report, write_figures

        make_pictures_folder(pictures, overwrite=overwrite)
        methods, missing = open_rows(runs, with_closed_form=with_closed_form)
        for test_set in test_sets:
            with progress_bar(test_set.name, len(test_set.items) * len(methods)) as advance:
                sections.append(table2_report(test_set, methods, advance))
            common.show(quality.table({"sets": sections[-1:]}))
            if pictures is not None and test_set.truths == "alphas":
                write_figures(pictures, test_set, methods, count)
        steps = {name: each for method in methods for name, each in method.steps.items()}
        report |= {"steps": steps, "missing": missing, "paper": {row.name: row.paper for row in ROWS}, "sets": sections}
    if pictures is not None and (logged := {each.name: each for each in sorted(runs.iterdir()) if curves_of(each)}):
        draw_curves(logged, pictures / "curves.png")
