"""`python -m tests.fuzz`: thousands of damaged inputs of all kinds, each in a process of its own, with a fake engine.

Counts are printed. Exit code 1 where one ended with a traceback, a crash, a hang, a half-written file, more than 2 GB or the
like; its folder is kept, and named with the command that repeats it. The same seed gives the same cases.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from random import Random

from PIL import Image

from engines.commands.running import run
from tests.fuzz.cases_of_files import KINDS
from tests.fuzz.corpus import Corpus, make_corpus
from tests.fuzz.isolated import Limits, can_fork, run_isolated
from tests.fuzz.verdict import FAULTS, contents, faults

COUNT = 4500
CASE, COMMAND, LOG = "case", "command.txt", "output.txt"
IMPORTED = (
    *(
        "pycocotools.mask",
        "engines.commands.compile",
        "engines.commands.display",
        "train.learning.runs",
        "train.learning.schedule",
    ),
    *("realtime.commands.image", "realtime.commands.live", "realtime.commands.refine", "realtime.commands.video"),
    *("realtime.commands.progress", "realtime.loop.edit_photo", "realtime.loop.edit_video", "realtime.loop.live_session"),
    *("realtime.inputs.masks", "realtime.outputs.recording", "realtime.outputs.pictures.sequence"),
    *(
        "realtime.inputs.cameras",
        "realtime.inputs.network_stream",
        "realtime.inputs.network.connection",
        "realtime.inputs.paced_video",
        "realtime.outputs.pipe",
    ),
    *(
        "realtime.outputs.virtual_camera",
        "realtime.commands.video_jobs",
        "realtime.jobs.photo_folders",
        "realtime.jobs.video_job",
    ),
)


@dataclass(frozen=True)
class Result:
    """What became of a case; its folder is kept if it has faults."""

    kind: str
    number: int
    code: int
    faults: list[str]
    seconds: float
    peak: int
    words: list[str]


def numbered(count: int, kind: str | None) -> list[tuple[str, int]]:
    """The cases of a trial: of each kind its share, by its number within the kind."""
    if kind is not None:
        return [(kind, number) for number in range(count)]
    total = sum(share for _, share in KINDS.values())
    counts = {each: max(1, count * share // total) for each, (_, share) in KINDS.items()}
    counts["video"] += max(0, count - sum(counts.values()))
    return [(each, number) for each, of_kind in counts.items() for number in range(of_kind)]


def attempt(seed: int, corpus: Corpus, root: Path, case: tuple[str, int]) -> Result:
    """Make a case, run it, and judge it."""
    kind, number = case
    place = root / f"{kind}-{number}"
    folder = place / CASE
    shutil.rmtree(place, ignore_errors=True)
    folder.mkdir(parents=True)
    made = KINDS[kind][0](Random(f"{seed}:{kind}:{number}"), folder, corpus)
    (place / COMMAND).write_text(shlex.join(made.words) + "\n", encoding="utf-8", errors="backslashreplace")
    before = contents(folder)
    ended = run_isolated(made.action, folder, place / LOG, Limits())
    found = faults(made, ended, folder, before)
    if not found:
        shutil.rmtree(place)
    return Result(kind, number, ended.code, found, ended.seconds, ended.peak, made.words)


def preload() -> None:
    """Import what the commands import, once, before processes are forked from this one: else each of them would."""
    for name in IMPORTED:
        import_module(name)
    Image.init()  # Pillow's readers
    with suppress(SystemExit), redirect_stdout(StringIO()):
        run(import_module("engines.commands.compile").app, ["--list"])  # typer imports pydantic when a command is first run


def results(cases: list[tuple[str, int]], seed: int, corpus: Corpus, root: Path, jobs: int) -> Iterator[Result]:
    """Run the cases, several at a time."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
        yield from pool.map(partial(attempt, seed, corpus, root), cases, chunksize=4)


def report(done: list[Result], seconds: float) -> str:
    """The counts in a table: of each kind, how many were accepted and refused, and the faults."""
    head = ("kind", "cases", "accepted", "refused", *FAULTS)
    rows = [head]
    for kind in [*KINDS, None]:
        of_kind = [each for each in done if kind in (None, each.kind)]
        if not of_kind:
            continue
        found = Counter(fault for each in of_kind for fault in each.faults)
        codes = Counter(each.code for each in of_kind)
        numbers = (len(of_kind), codes[0], codes[2], *(found[fault] for fault in FAULTS))
        rows.append((kind or "all", *map(str, numbers)))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" * len(head) + "|")
    slowest, largest = max(done, key=lambda each: each.seconds), max(done, key=lambda each: each.peak)
    lines.append(
        f"\n{len(done)} cases in {seconds:.0f} s, {cpu_seconds():.0f} s of a core; "
        f"the slowest took {slowest.seconds:.1f} s ({slowest.kind} {slowest.number}), "
        f"the largest {largest.peak / 2**20:.0f} MB ({largest.kind} {largest.number})"
    )
    return "\n".join(lines)


def cpu_seconds() -> float:
    """Seconds of a core that this process and those that it waited for have taken."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[1])
    parser.add_argument("--count", type=int, default=COUNT, help="how many cases (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random damage (%(default)s)")
    parser.add_argument("--kind", choices=sorted(KINDS), help="only cases of this kind")
    parser.add_argument("--number", type=int, help="only this case of --kind; its folder is kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time (%(default)s)")
    parser.add_argument("--keep", type=Path, help="folder for what failed; by default a temporary one")
    options = parser.parse_args()
    if not can_fork():
        parser.error("needs a system that forks processes: Linux or macOS")
    if options.number is not None and options.kind is None:
        parser.error("--number is of a --kind")
    start = time.monotonic()
    root = (options.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))).absolute()
    root.mkdir(parents=True, exist_ok=True)
    os.environ["SHM_CACHE"] = str(root / "cache")
    os.environ.setdefault("COLUMNS", "120")
    preload()
    with tempfile.TemporaryDirectory() as folder:
        corpus = make_corpus(Path(folder))
    only = [(options.kind, options.number)] if options.number is not None else None
    done = []
    for each in results(only or numbered(options.count, options.kind), options.seed, corpus, root, options.jobs):
        done.append(each)
        if each.faults or only:
            again = f"python -m tests.fuzz --seed {options.seed} --kind {each.kind} --number {each.number}"
            print(f"{', '.join(each.faults) or 'in order'}: {root / f'{each.kind}-{each.number}'}; again: {again}", flush=True)
    print(report(done, time.monotonic() - start))
    failed = any(each.faults for each in done)
    if not failed and options.keep is None:
        shutil.rmtree(root)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
