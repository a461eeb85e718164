import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.serve import measure, service
from realtime.serve.limits import Limits
from tests.realtime.plain_engine import PlainEngine, plain_engine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from tests.realtime.serve.serving import serving


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (160, 128)).save(path)
    return path


@pytest.mark.slow
def test_clients_of_a_service_of_its_own(bench, photo: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    report = tmp_path / "serve.json"
    code, out, err = bench("serve", photo, "--clients", 2, "--seconds", 1, "--backend", "openvino", "--json", report)
    assert code == 0, err
    assert "none failed" in out
    assert "ms a frame of 480x384, at which such a photo is matted" in " ".join(out.split())
    run = json.loads(report.read_text())["service"]
    assert set(run["statuses"]) == {"200"}
    assert run["delay_ms"]["p95"] >= run["delay_ms"]["median"] > 0
    assert min(run["memory_mb"]) > 50
    assert run["share_of_engine"] > 0


def test_requests_that_fail_are_counted_and_are_no_rate(photo: Path) -> None:
    with serving(PlainEngine(0.05), Limits(queue=1)) as address:
        port = int(address.rpartition(":")[2])
        run = measure(port, os.getpid(), photo.read_bytes(), "alpha", 4, 1)
    assert run["statuses"]["429"] > 0
    assert 0 < run["statuses"]["200"] <= 20
    assert run["requests"] == sum(run["statuses"].values())
    assert run["requests_a_second"] <= 20


def test_bad_input_is_one_line(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "notes.png").write_text("no picture")
    with plain_engine():
        for arguments, message in [(["--clients", "0"], "--clients 0"), ([tmp_path / "notes.png"], "notes.png")]:
            code, _, err = bench("serve", *arguments)
            assert code == 2
            assert err.count("\n") == 1, err
            assert message in err


def test_what_the_service_says_later_does_not_hold_it_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody read its pipe, which holds 64 kB."""
    done = tmp_path / "done"
    program = (
        "import pathlib, sys, time; print('serving on http://127.0.0.1:1 ', file=sys.stderr, flush=True); "
        f"print('x' * 500_000, file=sys.stderr, flush=True); pathlib.Path({str(done)!r}).touch(); time.sleep(60)"
    )
    popen = subprocess.Popen
    monkeypatch.setattr(
        "benchmarks.serve.subprocess.Popen", lambda _, **options: popen([sys.executable, "-c", program], **options)
    )
    with service([]):
        end = time.monotonic() + 30
        while not done.exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert done.exists()
