import gc
import os
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


OWN_CACHE = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """No test reads or writes the user's cache of engines. All workers, and the programs that tests start, share one."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.stash[OWN_CACHE] = folder = tempfile.TemporaryDirectory(prefix="shm-cache-", ignore_cleanup_errors=True)
        os.environ["SHM_CACHE"] = folder.name


def pytest_unconfigure(config: pytest.Config) -> None:
    if OWN_CACHE in config.stash:
        config.stash[OWN_CACHE].cleanup()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported stays: a search for garbage in it, again and again, is a quarter of the time until the first test."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # nor is it looked through during the tests
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With -n, files with slow tests are begun first: one that is begun last is waited for while the other workers are idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def heed_ctrl_c() -> None:
    """A shell that starts the tests in the background has Ctrl-C ignored, and programs that tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many of the tests that need a GPU were skipped: green without them is not green on a GPU."""
    reports = [(outcome, report) for outcome, several in terminalreporter.stats.items() for report in several]
    on_gpu = [outcome for outcome, report in reports if "gpu" in getattr(report, "keywords", {}) and outcome]
    skipped = on_gpu.count("skipped")
    if skipped:
        rest = "the others ran" if len(on_gpu) > skipped else "the GPU path has not been run here"
        terminalreporter.write_line(f"gpu tests: {skipped} skipped; {rest}")
