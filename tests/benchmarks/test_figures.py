"""The tables in the README, docs/ and the model card."""

import json
from pathlib import Path

import pytest

from benchmarks import figures
from benchmarks.figures import RESULTS, TABLES, pages, refreshed, table
from engines.commands.running import UsageError

REPORTS = {
    "quality": {
        "sets": [
            {
                "set": "composites",
                "models": [
                    {
                        "model": "ours, openvino",
                        "precision": "bf16",
                        "mean": {
                            "sad": 0.0123456,
                            "mse": 0.002,
                            "gradient": 0.03,
                            "connectivity": 0.004,
                            "band": 0.05,
                            "iou": 0.98765,
                        },
                    },
                    {
                        "model": "mp_selfie",
                        "precision": "fp32",
                        "mean": {"sad": 0.1, "mse": 0.02, "gradient": 0.3, "connectivity": 0.04, "band": 0.5, "iou": 0.9},
                    },
                ],
            },
            {
                "set": "portraits",
                "models": [{"model": "rvm", "precision": "fp32", "mean": {"iou": 1.0, "mse": 0.0, "sad": 0.0}}],
            },
        ]
    },
    "latency": {
        "machine": {"cores": "2", "processor": "A", "vector units": "avx2", "threads": "all", "openvino": "1.2"},
        "runs": 3,
        "warning": "Busy!",
        "verdict": "Met.",
        "timings": [
            {
                "name": "ours, openvino",
                "precision": "fp32",
                "size": [800, 600],
                "stages": {"whole": [10.0, 30.0, 20.0], "mpn": [1.0], "mrn": [9.0], "around them": [0.1]},
                "start": {"first frame, empty cache": [900.0], "first frame": [500.0, 700.0]},
                "memory": {"peak": 310.0},
            },
            {
                "name": "ours, torch",
                "precision": "fp32",
                "size": [800, 600],
                "stages": {"whole": [40.0, 40.0, 40.0]},
                "start": {"first frame, empty cache": [800.0], "first frame": [800.0]},
            },
        ],
    },
    "refinement": {
        "masks": {
            "grown": {
                "before": {"sad": 0.02, "mse": 0.01, "band": 0.3},
                "after": {"sad": 0.01, "mse": 0.005, "band": 0.15},
            }
        }
    },
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, report in REPORTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(report))
    return tmp_path


def test_tables_by_hand(results: Path) -> None:
    page = "a\n" + "".join(f"<!-- figures:{name} -->\nold\n<!-- /figures -->\nb\n" for name in REPORTS)
    new = refreshed(page, results)
    assert "old" not in new
    assert new.count("\nb\n") == 3
    for line in (
        "| composites | IoU | SAD | MSE | gradient | connectivity | SAD at edges |",
        "| ours, bf16 | .9877 | 12.35 | 2.00 | 30.00 | 4.00 | 50.00 |",
        "| MediaPipe Selfie, fp32 | .9000 | 100.00 | 20.00 | 300.00 | 40.00 | 500.00 |",
        "| portraits | IoU | SAD | MSE |",
        "| RobustVideoMatting, fp32 | 1.0000 | 0.00 | 0.00 |",
        "| size | engine | median | 95 % | MPN | MRN | around | first picture, no cache | first picture | peak MB |",
        "| 800x600 | openvino, fp32 | 20 | 29 | 1 | 9 | 0 | 900 | 600 | 310 |",
        "| 800x600 | torch, fp32 | 40 | 40 |  |  |  | 800 | 800 |  |",
        "| grown | 20.00 to 10.00 | 10.00 to 5.00 | 300.00 to 150.00 |",
    ):
        assert line in new.splitlines(), line
    assert "1 to 3 runs in turn. Busy! Met." in new
    assert refreshed(new, results) == new


def test_the_medians_of_each_process_are_shown(results: Path) -> None:
    report = json.loads((results / "latency.json").read_text())
    assert "By process" not in table("latency", results)  # of files from before there were several
    report["timings"][0]["passes"] = [1, 2]
    (results / "latency.json").write_text(json.dumps(report))
    lines = table("latency", results).splitlines()
    assert lines[0].startswith("| size | engine | median | by process | 95 % | MPN | MRN | around | first picture, no cache |")
    assert "| 800x600 | openvino, fp32 | 20 | 10 to 25 | 29 | 1 | 9 | 0 | 900 | 600 | 310 |" in lines
    assert "| 800x600 | torch, fp32 | 40 |  | 40 |  |  |  | 800 | 800 |  |" in lines
    assert "runs in turn, of 2 processes. Busy! Met." in lines[-1]


def test_what_is_missing_or_unknown_is_named(results: Path) -> None:
    (results / "quality.json").write_text("{")
    for name, message in (("quality", "quality.json: cannot be read"), ("pace", "figures:pace: unknown")):
        with pytest.raises(UsageError, match=message):
            refreshed(f"<!-- figures:{name} -->\n<!-- /figures -->", results)
    (results / "peers.json").write_text('{"timings": [{}]}')
    with pytest.raises(UsageError, match=r"peers\.json: was written by another command"):
        refreshed("<!-- figures:peers -->\n<!-- /figures -->", results)
    (results / "peers.json").unlink()
    assert "Not measured yet" in refreshed("<!-- figures:peers -->\n<!-- /figures -->", results)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_pages_have_the_figures_that_were_measured(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert refreshed(text, RESULTS) == text, "type: bench figures"


def test_every_table_is_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    assert {name for name in TABLES if f"<!-- figures:{name} -->" not in text} == set()


def test_the_command_refreshes_readme_docs_and_card(bench, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    block = "<!-- figures:refinement -->\nold\n<!-- /figures -->\n"
    names = ("README.md", "docs/a.md", "docs/b.md", "engines/released/MODEL_CARD.md")
    for name in names:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(block)
    (results / "docs/b.md").write_text("no figures\n")
    monkeypatch.setattr(figures, "ROOT", results)
    code, out, err = bench("figures", "--results", results)
    assert code == 0, err
    for name in names:
        assert ("| grown | 20.00 to 10.00" in (results / name).read_text()) == (name != "docs/b.md")
        assert (f"{results / name}: refreshed" in out) == (name != "docs/b.md")
    assert bench("figures", "--results", results)[1] == ""


def test_variants_have_no_place_among_whole_models(tmp_path: Path) -> None:
    models = [{"model": name, "precision": "fp32", "mean": {"iou": 0.5}} for name in ("ours, openvino", "rvm")]
    models.append(models[0] | {"model": "ours, MPN alone"})
    for file in ("quality", "people"):
        (tmp_path / f"{file}.json").write_text(json.dumps({"sets": [{"set": "s", "models": models}]}))
    rows = {name: [line.split(" | ")[0] for line in table(name, tmp_path).splitlines()[2:]] for name in ("quality", "people")}
    assert rows["quality"] == ["| ours, fp32", "| RobustVideoMatting, fp32", "| ours: MPN alone, fp32"]
    assert rows["people"] == rows["quality"][:2]
