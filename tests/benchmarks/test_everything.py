"""`bench all` and its page."""

import json
from pathlib import Path

import pytest

from benchmarks import everything
from benchmarks.figures import render, table, write_page
from benchmarks.measuring import turns
from engines.commands.running import UsageError

MACHINE = {"cores": "2", "processor": "P", "vector units": "avx2", "threads": "all", "openvino": "1", "weights": "abc"}
RATIO = {"value": 2.0, "low": 1.5, "high": 2.5}
REPORTS = {
    "peers": {
        "machine": MACHINE,
        "warning": "Busy!",
        "timings": [
            {"name": "ours", "precision": "bf16", "size": [8, 6], "stages": {"whole": [10.0]}, "ratio": RATIO | {"value": 1.0}},
            {"name": "rvm", "precision": "fp32", "size": [8, 6], "stages": {"whole": [20.0]}, "ratio": RATIO},
        ],
    },
    "throughput": {
        "machine": MACHINE,
        "clip": "talk.mp4",
        "size": [64, 48],
        "engine": "openvino",
        "precision": "bf16",
        "at_once": 2,
        "file": {
            "frames": 7,
            "engine": [20.0],
            "loop": [25.0],
            "within": {"decode": [3.0], "matte": [24.0]},
            "frames_a_second": 40.0,
            "loop_over_engine": 1.25,
        },
        "live": [
            {
                "rate": 60,
                "at_once": 2,
                "shown": 40,
                "dropped": 20,
                "frames_a_second": 39.5,
                "delay_ms": {"median": 30.0, "p95": 40.0, "worst": 55.0},
            }
        ],
    },
    "scale": {
        "machine": MACHINE,
        "engine": "openvino",
        "precision": "fp32",
        "model": "large",
        "at": [80, 80],
        "pixels": [{"size": [1000, 500], "megapixels": 0.5, "milliseconds": 50.0, "peak_mb": 200.0}],
        "pixels_fit": {"start": 1.0, "slope": 98.0, "power": 0.99},
        "pixels_memory_fit": {"start": 100.0, "slope": 200.0},
        "threads": [{"threads": 1, "milliseconds": 60.0}, {"threads": 2, "milliseconds": 40.0}],
    },
    "clips": {"means": {"mean": {"ours, openvino": {"dtssd": 0.0123, "mse": 0.004, "sad": 0.005}}}},
    "table2": {
        "machine": MACHINE,
        "paper": {"SHM": [0.011, 0.0078, 0.0032, 0.011], "ours": [0.0058, 0.0026, 0.0016, 0.0054]},
        "sets": [
            {
                "set": "discs",
                "truths": "alphas",
                "models": [
                    {"model": "ours", "mean": {"sad": 0.01, "mse": 0.02, "gradient": 0.03, "connectivity": 0.04}},
                ],
            },
            {"set": "masks", "truths": "masks", "models": [{"model": "ours", "mean": {"sad": 0.01, "mse": 0.02, "iou": 0.9}}]},
        ],
    },
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, report in REPORTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(report))
    return tmp_path


LINES = {
    "peers": """
        | 8x6 | ours, bf16 | 10.0 | 10.0 | 1 |
        | 8x6 | RobustVideoMatting, fp32 | 20.0 | 20.0 | 2.00 (1.50 to 2.50) |
    """,
    "throughput": """
        | matte | 24.0 |
        | from file to file | 25.0 |
        | 60 frames/s | 2 | 40 | 20 | 39.5 | 30 | 40 | 55 |
    """,
    "scale": """
        | 1000x500 | 0.50 | 50.0 | 200 |
        | 2 | 40.0 | 1.50 |
    """,
    "speed": """
        | milliseconds a frame | 8x6 |
        | ours, bf16 | 10 |
        | RobustVideoMatting, fp32 | 20 |
    """,
    "clips": """
        | clips | model | dtSSD x1e-2 | MSE x1e-3 | SAD x1e-3 |
        | mean | ours | 1.23 | 4.00 | 5.00 |
    """,
    "table_2": """
        | SHM | 11.0 |  | 7.8 |  | 3.2 |  | 11.0 |  |
        | ours | 5.8 | 10.0 | 2.6 | 20.0 | 1.6 | 30.0 | 5.4 | 40.0 |
    """,
}


@pytest.mark.parametrize("name", LINES)
def test_tables_by_hand(results: Path, name: str) -> None:
    made = table(name, results).splitlines()
    for line in LINES[name].strip().splitlines():
        assert line.strip() in made
    columns = {line.count("|") for line in made if line.startswith("|")}
    assert min(columns) >= 3


def test_sentences_by_hand(results: Path) -> None:
    sentence = "40.0 frames/s, 2 at once. The engine alone takes 20.0 ms a frame; the loop takes +25 % over that."
    assert sentence in table("throughput", results)
    assert "1.0 ms + 98.0 ms a megapixel, exponent 0.99; 100 MB + 200 MB a megapixel." in table("scale", results)
    assert "7 frames, openvino bf16: 40.0 frames/s, 2 at once. The engine alone takes 20.0 ms" in table("throughput", results)
    assert "openvino fp32 (large model), 2 cores" in table("scale", results)
    assert "weights abc, 1 runs in turn. Busy!" in table("peers", results)


def test_the_page_has_what_the_folder_has(results: Path) -> None:
    (results / "throughput.png").write_bytes(b"")
    page = write_page(results).read_text()
    assert page == render(results)
    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["Beside other models", "Whole clips, and live", "Scale", "The paper's Table 2", "Flicker"]
    assert page.count("- processor: P") == 1
    assert "**Busy!**" in page
    assert "![Whole clips, and live](throughput.png)" in page
    assert "peers.png" not in page
    (results / "scale.json").write_text("{")
    with pytest.raises(UsageError, match="scale"):
        render(results)


def test_the_command(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(everything, "MODELS", ["base"])
    monkeypatch.setattr(turns, "is_native", lambda precision: precision == "fp32")
    folder = tmp_path / "made" / "report"
    words = ["--only", "latency", "--size", "64x48", "--runs", 1, "--backend", "openvino"]
    code, out, err = bench("all", "--report", folder, *words)
    assert code == 0, err
    page = (folder / "report.md").read_text()
    assert "| 64x48 | openvino, fp32 |" in page
    assert "![Latency](latency.png)" in page
    assert (folder / "latency.png").stat().st_size > 1000
    assert "report.md: written" in out.replace("\n", "")


def test_bad_input_is_one_line(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    for arguments, message in [
        (["--report", tmp_path / "file"], "cannot make this folder"),
        (["--report", tmp_path / "r", "--only", "quality"], "--only quality needs --set"),
        (["--report", tmp_path / "r", "--only", "latency", "--only", "quality"], "--only quality needs --set"),
        (["--report", tmp_path / "r", "--only", "peers"], "--only peers needs --peer"),
        (["--report", tmp_path / "r", "--peer", "rvm"], "--peer needs --adapters"),
        (["--report", tmp_path / "r", "--set", tmp_path], "a set is a folder"),
        (["--report", tmp_path / "r", "--size", "x"], "--size x"),
        (["--report", tmp_path / "r", "--only", "clips"], "--only clips needs --clips"),
        (["--report", tmp_path / "r", "--clips", tmp_path], "holds no clips"),
    ]:
        code, _, err = bench("all", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
