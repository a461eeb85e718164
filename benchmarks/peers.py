"""Ours beside what users would pick instead: the same frames, in turn, each in a process of its own, with quality beside it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.frames import make_frames
from benchmarks.latency import take_turns
from benchmarks.onnx_model import read_adapter
from benchmarks.processes import ROOT
from benchmarks.timing import WHOLE, Ratio, Timing, paired_ratio
from engines.commands.running import UsageError
from engines.engine import Frame
from engines.geometry import BASE
from engines.loading import check_model
from realtime.compositing.backgrounds import fitted
from train.evaluation.peers import Peer, check_peers
from train.evaluation.scores import PeerCandidate, Score, TestSet, own_name, read_item, score_set

# Adapters, as peers have them, of our own engine and of the user's ONNX files. {root} is where this project lies.
OWN_ADAPTER = """import os, sys
sys.path.append({root!r})
import engines
def load():
    precision = os.environ["PEERS_PREC"].replace("f32", "fp32")
    engine = engines.load({backend!r}, threads={threads!r}, precision=precision, model={model!r})
    return lambda frame: engine(frame).alpha
"""
ONNX_ADAPTER = """import os, sys
from pathlib import Path
sys.path.append({root!r})
from benchmarks.onnx_model import load_model
def load():
    return load_model(Path({path!r}), int(os.environ["PEERS_THREADS"]), os.environ["PEERS_PREC"])
"""


@dataclass(frozen=True)
class Field:
    """Who is compared: our engine first, of each of `models`, then adapters of peers, then ONNX files told by TOML files.

    All of them run in fp32. Where ours runs in another `precision`, it does so as well, and so do the others if that is bf16:
    it makes some of them faster, and some of them worse.
    """

    backend: str = "auto"
    precision: str = "fp32"
    threads: int | None = None
    adapters: Path | None = None
    names: tuple[str, ...] = ()
    python: Path | None = None
    onnx: tuple[Path, ...] = ()
    models: tuple[str, ...] = (BASE,)

    @property
    def own(self) -> dict[str, str]:
        """Our models by the names that tables have for them."""
        return {own_name(None, model): model for model in self.models}

    def check(self) -> None:
        """Raises UsageError for what is wrong with any of them, before anything is started."""
        check_peers(self.adapters, self.names)
        for model in self.models:
            check_model(model)
        for path in self.onnx:
            read_adapter(path)
        everyone = [*self.own, *self.names, *(path.stem for path in self.onnx)]
        if not self.names and not self.onnx:
            raise UsageError("nobody to compare with: name peers with --adapters and --peer, or an ONNX model with --onnx")
        if twice := [name for name in everyone if everyone.count(name) > 1]:
            raise UsageError(f"{twice[0]}: two of the models have this name; rename one")

    @contextmanager
    def opened(self) -> Iterator[list[Peer]]:
        """All of them, each in its own process, ours first. Our weights run in whichever Python runs this."""
        self.check()
        threads = self.threads or os.cpu_count() or 1
        with ExitStack() as stack:
            made = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            for name, model in self.own.items():
                own = OWN_ADAPTER.format(root=str(ROOT), backend=self.backend, threads=self.threads, model=model)
                (made / f"{name}.py").write_text(own, encoding="utf-8")
            for path in self.onnx:
                adapter = ONNX_ADAPTER.format(root=str(ROOT), path=str(path.resolve()))
                (made / f"{path.stem}.py").write_text(adapter, encoding="utf-8")
            folders: list[tuple[Path, str, Path | None]] = [(made, name, None) for name in self.own]
            folders += [(self.adapters, name, self.python) for name in self.names if self.adapters is not None]
            folders += [(made, path.stem, None) for path in self.onnx]
            yield [
                stack.enter_context(Peer(folder, name, threads=threads, precision=level, python=python))
                for folder, name, python in folders
                for level in dict.fromkeys((self.precision, "fp32"))
                if level in {"fp32", "bf16"} or name in self.own
            ]


class Turn:
    """A peer as a contestant: frames in turn, timed in its own process, so that handing them over costs it nothing."""

    def __init__(self, peer: Peer, frames: Sequence[Frame]) -> None:
        self.name = peer.name
        self.precision = peer.precision
        self._peer = peer
        self._frames = frames

    def time(self, index: int) -> dict[str, float]:
        """Milliseconds from the uint8 frame to all that the model gives."""
        self._peer(self._frames[index % len(self._frames)])
        return {WHOLE: self._peer.last_ms}


def race(
    peers: Sequence[Peer],
    size: tuple[int, int],
    pictures: Sequence[Frame],
    *,
    runs: int,
    warm_up: int,
    seconds: float,
    advance: Callable[[], None] = lambda: None,
) -> list[Timing]:
    """Times them at one size (width, height) on the same frames in turn. Pictures are scaled and cut to it."""
    frames = [fitted(picture, size[1], size[0], "cover") for picture in pictures] or make_frames(size)
    contestants = [Turn(peer, [np.ascontiguousarray(frame) for frame in frames]) for peer in peers]
    return take_turns(contestants, size, runs, warm_up, seconds, advance)


def ratios(timings: Sequence[Timing]) -> list[Ratio]:
    """Each one's time over the first one's, which is ours, round by round; above 1 is slower than ours."""
    return [paired_ratio(timing.stages[WHOLE], timings[0].stages[WHOLE]) for timing in timings]


def sample_pictures(test_set: TestSet, count: int = 4) -> list[Frame]:
    """A few of a set's pictures, spread over it."""
    step = max(1, len(test_set.items) // count)
    return [read_item(item)[0] for item in test_set.items[::step][:count]]


def score(peers: Sequence[Peer], test_set: TestSet, advance: Callable[[], None] = lambda: None) -> list[Score]:
    """How good each one's alpha is on a set."""
    return score_set(test_set, [PeerCandidate(peer) for peer in peers], advance)
