"""`bench serve`: requests a second of `shm-serve` with several clients at once, beside the engine alone."""

import http.client
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from statistics import median
from threading import Thread
from typing import Annotated, Literal

import typer

from benchmarks import common
from benchmarks.common import Report, size_name
from benchmarks.measuring.frames import SAMPLES
from benchmarks.measuring.timing import engine_alone, spread
from engines.commands.options import Backend, Model, Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError, needs_extra
from engines.geometry import BASE
from train.commands.options import JsonFile

ANSWER = 120.0  # s that a client waits for at most
SAMPLES_OF_MEMORY = 40  # in a run


@contextmanager
def service(options: list[str]) -> Iterator[tuple[int, int]]:
    """The port and the process id of a service that runs while this lasts. Raises UsageError if it does not start."""
    command = [sys.executable, "-m", "realtime.commands.serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = "the service does not start"
            for line in process.stderr:
                if found := re.search(r"serving on http://127\.0\.0\.1:(\d+) ", line):
                    # What it says later is passed on: a full pipe would hold it up.
                    Thread(target=copyfileobj, args=(process.stderr, sys.stderr), daemon=True).start()
                    yield int(found[1]), process.pid
                    return
            raise UsageError(line.strip().removeprefix("error: "))
        finally:
            process.terminate()


def measure(port: int, pid: int, photo: bytes, call: str, clients: int, seconds: float) -> Report:
    """Let clients call the service for so long, each again when it has its answer: rates, delays, and the service's memory.

    Memory is in MB of 2^20 bytes: medians of the second and of the last quarter of the run, which warming up does not reach.
    """
    import psutil

    process = psutil.Process(pid)
    statuses: list[str] = []
    delays: list[float] = []
    memory: list[float] = []
    begin = time.perf_counter()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER)
        while (start := time.perf_counter()) < begin + seconds:
            try:
                connection.request("POST", f"/v1/{call}", photo)
                answer = connection.getresponse()
                answer.read()
                statuses.append(str(answer.status))
                delays.append(1e3 * (time.perf_counter() - start))
            except (OSError, http.client.HTTPException) as error:
                statuses.append(type(error).__name__)
                connection.close()
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        asked = [pool.submit(ask) for _ in range(clients)]
        for _ in range(SAMPLES_OF_MEMORY):
            time.sleep(seconds / SAMPLES_OF_MEMORY)
            memory.append(process.memory_info().rss / 2**20)
        for each in asked:
            each.result()
    elapsed = time.perf_counter() - begin
    quarter = SAMPLES_OF_MEMORY // 4
    return {
        "requests": len(statuses),
        "statuses": dict(Counter(statuses)),
        "requests_a_second": statuses.count("200") / elapsed,
        "delay_ms": spread(delays) if delays else {},
        "memory_mb": [median(memory[quarter : 2 * quarter]), median(memory[-quarter:])],
    }


def table(report: Report) -> str:
    """The figures in Markdown."""
    run = report["service"]
    headings = ("clients", "requests", "a second", "delay, ms", "95 %", "memory, MB", "at the end")
    delays = [f"{run['delay_ms'][each]:.0f}" if run["delay_ms"] else "-" for each in ("median", "p95")]
    memory = [f"{value:.0f}" for value in run["memory_mb"]]
    cells = [f"{report['clients']}", f"{run['requests']}", f"{run['requests_a_second']:.1f}", *delays, *memory]
    failed = [f"{count} failed ({status})" for status, count in run["statuses"].items() if status != "200"]
    matted = f"{report['engine_ms']:.1f} ms a frame"
    if report["matted"] != report["size"]:
        matted += f" of {size_name(report['matted'])}, at which such a photo is matted"
    return (
        f"{common.markdown_table(headings, [cells])}\n"
        f"/v1/{report['call']}, {report['photo']}, {size_name(report['size'])}, {report['seconds']:g} s: "
        f"{', '.join(failed) or 'none failed'}. The engine alone takes {matted}; the service gives "
        f"{100 * run['share_of_engine']:.0f} % of that rate. {common.engine_of(report)}; {common.machine_of(report)}\n"
    )


def serve(
    photo: Annotated[
        Path, typer.Argument(metavar="[PHOTO]", help="What clients send; by default the sample.", show_default=False)
    ] = (SAMPLES / "portrait.jpg"),
    call: Annotated[Literal["alpha", "image"], typer.Option(help="What they ask for: /v1/alpha or /v1/image.")] = "alpha",
    clients: Annotated[int, typer.Option(min=1, max=1000, help="How many at once.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="How long they keep asking.")] = 60,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = BASE,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Requests a second of shm-serve with several clients at once, beside the engine alone; exit code 1 if any fails.

    Besides running the engine, the service reads each photo and writes each PNG.

    \b
    Examples:
      bench serve
      bench serve portrait.jpg --call image --clients 16 --json serve.json
    """
    with needs_extra("bench"):
        import psutil  # noqa: F401 - before the work begins
    from engines.photos import enlarged
    from realtime.jobs.photo_folders import read_photo_for_matting

    frame = read_photo_for_matting(photo).flat()
    matted = enlarged(frame)
    options = ["--backend", backend, "--precision", precision, "--model", model, "--queue", str(2 * clients)]
    options += [] if threads is None else ["--threads", str(threads)]
    with common.reported(table, json_file, overwrite, threads) as report:
        with load_engine(backend, threads=threads, precision=precision, model=model) as engine:
            alone = engine_alone(engine, [matted])
            report |= {"engine": engine.name, "precision": engine.precision, "model": model, "engine_ms": alone}
        with service(options) as (port, pid):
            measure(port, pid, photo.read_bytes(), call, 1, 1)  # the first request is slow
            measured = measure(port, pid, photo.read_bytes(), call, clients, seconds)
        measured["share_of_engine"] = measured["requests_a_second"] * alone / 1e3
        report |= {"photo": photo.name, "size": frame.shape[1::-1], "matted": matted.shape[1::-1], "call": call}
        report |= {"clients": clients, "seconds": seconds, "service": measured}
    if set(measured["statuses"]) != {"200"}:
        raise typer.Exit(1)
