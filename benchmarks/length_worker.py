"""One clip from file to file in a process of its own: `python -m benchmarks.length_worker JSON`.

The argument has clip, target, backend, precision and model. The answer is a line of JSON with the seconds that it took
once the engine was ready; the process then stays, so that its peak memory can be read, until its standard input ends.
"""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import engines
from benchmarks.throughput import through_the_loop
from realtime.compositing.backgrounds import open_background


def main() -> None:
    """Does it."""
    settings = json.loads(sys.argv[1])
    engine = engines.load(settings["backend"], precision=settings["precision"], model=settings["model"])
    with closing(engine), open_background("green") as background:
        begin = time.perf_counter()
        through_the_loop(Path(settings["clip"]), Path(settings["target"]), engine, background)
        print(json.dumps({"seconds": time.perf_counter() - begin}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
