"""How long one frame takes, end to end and network by network, ours and the peers' in turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

import cv2
import numpy as np

from engines import Engine, Frame
from train.peers import Peer

PAPER_MS = 80.0  # "0.08 seconds" (section 3.4) on the paper's GPU
PAPER_SIZE = (800, 800)
WHOLE = "whole"  # from the uint8 frame to all that the model gives
AROUND = "around them"  # the part of the whole that no network takes
SCENES = 4


class Contestant(Protocol):
    """A model to be timed."""

    name: str
    precision: str

    def time(self, frame: Frame) -> dict[str, float]:
        """Milliseconds that a frame took: WHOLE, and where the model tells them its networks and AROUND."""
        ...


class OwnContestant:
    """One of our engines: uint8 frame to alpha and foreground. Its `last_ms`, if it keeps one, tells the networks apart."""

    def __init__(self, engine: Engine) -> None:
        self.name = f"ours, {engine.name}"
        self.precision = engine.precision
        self._engine = engine

    def time(self, frame: Frame) -> dict[str, float]:
        """Milliseconds of a frame, whole and by network."""
        begin = time.perf_counter()
        self._engine(frame)
        whole = 1e3 * (time.perf_counter() - begin)
        networks: dict[str, float] = dict(getattr(self._engine, "last_ms", {}))
        around = {AROUND: whole - sum(networks.values())} if networks else {}
        return {WHOLE: whole, **networks, **around}


class PeerContestant:
    """A peer: uint8 frame to alpha. Its time is taken in its own process, so that handing the frame over costs it nothing."""

    def __init__(self, peer: Peer) -> None:
        self.name = peer.name
        self.precision = peer.precision
        self._peer = peer

    def time(self, frame: Frame) -> dict[str, float]:
        """Milliseconds of a frame, whole."""
        self._peer(frame)
        return {WHOLE: self._peer.last_ms}


@dataclass
class Timing:
    """How long a model took at one size (width, height): milliseconds of every run, by stage."""

    name: str
    precision: str
    size: tuple[int, int]
    stages: dict[str, list[float]] = field(default_factory=dict)

    def median(self, stage: str = WHOLE) -> float:
        """Median milliseconds of a stage."""
        return median(self.stages[stage])

    def p95(self, stage: str = WHOLE) -> float:
        """Milliseconds that 95 % of the runs do not exceed, interpolated."""
        return float(np.percentile(self.stages[stage], 95))

    def worst(self, stage: str = WHOLE) -> float:
        """Milliseconds of the slowest run."""
        return max(self.stages[stage])


def measure(
    contestants: Sequence[Contestant],
    size: tuple[int, int],
    runs: int,
    warm_up: int,
    advance: Callable[[], None] = lambda: None,
) -> list[Timing]:
    """Times `runs` frames of a size (width, height) after `warm_up` frames that do not count.

    The models take turns, A B C A B C, so that a busy machine slows all of them alike. `advance` is called after each round.
    """
    timings = [Timing(contestant.name, contestant.precision, size) for contestant in contestants]
    frames = make_frames(size)
    for turn in range(-warm_up, runs):
        for contestant, timing in zip(contestants, timings, strict=True):
            for stage, milliseconds in contestant.time(frames[turn % len(frames)]).items():
                if turn >= 0:
                    timing.stages.setdefault(stage, []).append(milliseconds)
        advance()
    return timings


def make_frames(size: tuple[int, int]) -> list[Frame]:
    """A few frames of a size (width, height), uint8 RGB: a head and shoulders in noise, at a new place in each."""
    width, height = size
    random = np.random.default_rng(0)
    frames = []
    for scene in range(SCENES):
        frame = random.normal(110, 25, (height, width, 3)).clip(0, 255).astype(np.uint8)
        middle = round(width * (0.4 + 0.2 * scene / SCENES))
        for centre, axes in (
            ((middle, height), (width // 3, height // 3)),
            ((middle, height * 9 // 20), (width // 8, height // 5)),
        ):
            cv2.ellipse(frame, centre, axes, 0, 0, 360, (205, 160, 130), cv2.FILLED, cv2.LINE_AA)
        frames.append(frame)
    return frames


def verdict(timings: Sequence[Timing]) -> str:
    """One line: the first model's median at 800x800 against the paper's 0.08 s."""
    ours = next((timing for timing in timings if timing.size == PAPER_SIZE), None)
    if ours is None:
        return "The paper's claim is for 800x800, which was not measured: add --size 800x800."
    took = ours.median()
    told = f"{took:.1f} ms for 800x800 ({ours.name}, {ours.precision}), against the paper's {PAPER_MS:.0f} ms on a GPU"
    if took <= PAPER_MS:
        return f"The paper's claim is met: {told}: {PAPER_MS / took:.2f} times faster."
    return f"The paper's claim is not met: {told}: {took / PAPER_MS:.2f} times slower."
