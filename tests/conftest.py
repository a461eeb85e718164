import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    # With -n, each worker, with the programs that its tests start, has its share of the cores. OpenMP's threads, which PyTorch
    # takes, spin while they wait for one another: with more of them than cores, a test takes up to four times as long.
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))

if find_spec("openvino") is None or find_spec("av") is None:
    # A GPU machine may have neither. The tests marked gpu need none of the plain install beyond NumPy, OpenCV and typer.
    collect_ignore_glob = ["realtime/*", "train/evaluation/*", "test_docs.py"]
    collect_ignore = [
        "benchmarks/test_picture.py",
        "benchmarks/test_serve.py",
        "benchmarks/test_throughput.py",
        "engines/backends/test_models.py",
        "engines/backends/test_openvino.py",
        "engines/store/test_private.py",
        "engines/test_engines.py",
        "engines/test_weights.py",
        "test_fuzz.py",
        "train/learning/test_tasks.py",
    ]


@pytest.fixture(scope="session", autouse=True)
def heed_ctrl_c() -> None:
    """A shell that starts the tests in the background has Ctrl-C ignored, and programs that tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache() -> Iterator[None]:
    """No test reads or writes the user's cache of engines; programs that tests start inherit this."""
    folder = tempfile.mkdtemp(prefix="shm-cache-")
    before = os.environ.get("SHM_CACHE")
    os.environ["SHM_CACHE"] = folder
    yield
    os.environ.pop("SHM_CACHE")
    if before is not None:
        os.environ["SHM_CACHE"] = before
    shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many of the tests that need a GPU were skipped: green without them is not green on a GPU."""
    reports = [(outcome, report) for outcome, several in terminalreporter.stats.items() for report in several]
    on_gpu = [outcome for outcome, report in reports if "gpu" in getattr(report, "keywords", {}) and outcome]
    skipped = on_gpu.count("skipped")
    if skipped:
        rest = "the others ran" if len(on_gpu) > skipped else "the GPU path has not been run here"
        terminalreporter.write_line(f"gpu tests: {skipped} skipped; {rest}")
