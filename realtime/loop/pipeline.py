"""One loop for files and for live pictures: a source and its stages, each in a thread of its own, joined by bounded hand-overs.

    stages = [Stage("matte", matte), Stage("composite", compose), Stage("encode", sink.write)]
    with Pipeline(source, stages) as pipeline:                           # a file: every frame, in order
        for packet in pipeline:                                          # in the caller's thread: progress, a window, ...
            progress.advance(packet)

    sinks = [Stage("record", recording.write), Stage("camera", camera.write)]
    with Pipeline(webcam, stages, sinks, policy=Policy.NEWEST_FRAME) as pipeline:    # live: never late
        for packet in pipeline:
            window.show(packet)
    print(pipeline.median_ms, pipeline.dropped)

The source is any iterable of packets. A stage works on a packet in place. Every sink stands beside the others at the end of
the stages, with its own thread and hand-over, and only looks at packets. Under `Policy.EVERY_FRAME` a full hand-over makes
its giver wait, so nothing is lost and memory stays constant; under `Policy.NEWEST_FRAME` the oldest packet in it is dropped,
so a slow stage or sink neither delays nor slows what comes before it.

An error in any thread stops all of them, and is raised once in the caller: from the loop over the pipeline, or else on
leaving the `with` block. Leaving the block early stops everything; no thread outlives it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import Self

from realtime.loop.queue import Handover, Policy
from realtime.packet import Packet

RECENT = 4096  # times kept of each stage, for its median: constant memory on a stream without end


def nothing() -> None:
    """What `release` does for work that never waits for long."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A named piece of work: `work(packet)` changes its packet in place, or, as a sink, only reads it.

    `release()` is called when the pipeline stops, from any thread and maybe more than once: work that waits for something
    outside, such as the reader of a pipe, returns soon after.

    `depth` is how many packets may wait for it, where the pipeline's own depth will not do. `idle()` is called, in the stage's
    thread, whenever no packet has come for `idle_seconds`.
    """

    name: str
    work: Callable[[Packet], object]
    release: Callable[[], object] = nothing
    depth: int | None = None
    idle: Callable[[], object] = nothing
    idle_seconds: float | None = None


class Timing:
    """How long a stage takes for a packet."""

    def __init__(self) -> None:
        self.count = 0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Counts one packet."""
        with self._lock:
            self.count += 1
            self._recent.append(seconds)

    @property
    def median_ms(self) -> float:
        """Median milliseconds over the most recent packets (4096 at most); nan before the first."""
        with self._lock:
            return 1000 * median(self._recent) if self._recent else float("nan")


class Pipeline:
    """Runs a source, its stages and its sinks while the `with` block lasts; see the top of this file.

    Args:
        source: gives packets in order; its time is counted as the stage "source".
        stages: one after the other, each in its own thread.
        sinks: side by side after the last stage, each in its own thread.
        policy: what a full hand-over does.
        depth: packets that a hand-over holds; by default 2 for EVERY_FRAME, 1 for NEWEST_FRAME.
        release: called when the pipeline stops, as a stage's is: a source that waits for its next frame ends soon after.
    """

    def __init__(
        self,
        source: Iterable[Packet],
        stages: Sequence[Stage],
        sinks: Sequence[Stage] = (),
        *,
        policy: Policy = Policy.EVERY_FRAME,
        depth: int | None = None,
        release: Callable[[], object] = nothing,
    ) -> None:
        names = ["source", *(stage.name for stage in (*stages, *sinks)), "caller"]
        if len(set(names)) < len(names):
            raise ValueError(f"stage names must differ from one another, and from 'source' and 'caller': {names[1:-1]}")
        depth = depth or (2 if policy is Policy.EVERY_FRAME else 1)
        self.timings = {name: Timing() for name in names[:-1]}
        self._source = source
        self._releases = [release, *(stage.release for stage in (*stages, *sinks))]
        depths = {stage.name: stage.depth or depth for stage in (*stages, *sinks)}
        # each hand-over by the name of its taker
        self._into = {name: Handover(depths.get(name, depth), policy) for name in names[1:]}
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._started = False

        last = [*(self._into[sink.name] for sink in sinks), self._into["caller"]]
        following = [[self._into[stage.name]] for stage in stages] + [last]
        self._threads = [self._thread("source", self._read, following[0])]
        self._threads += [
            self._thread(stage.name, self._work, stage, after) for stage, after in zip(stages, following[1:], strict=True)
        ]
        self._threads += [self._thread(sink.name, self._work, sink, []) for sink in sinks]

    @property
    def median_ms(self) -> dict[str, float]:
        """Median milliseconds a packet for "source" and each stage and sink, over the recent ones."""
        return {name: timing.median_ms for name, timing in self.timings.items()}

    @property
    def dropped(self) -> dict[str, int]:
        """Packets dropped so far, by the name of the stage or sink that never saw them; "caller" is the loop outside."""
        return {name: handover.dropped for name, handover in self._into.items()}

    def stop(self) -> None:
        """Stops all threads after the packet that each is at work on. May be called from any thread; does not wait."""
        self._stopping.set()
        for handover in self._into.values():
            handover.stop()
        for release in self._releases:
            release()

    def drain(self, seconds: float) -> None:
        """Ends the source, lets what is on its way reach the sinks for so many seconds at most, and stops.

        For the caller's thread, which takes no more packets afterwards.
        """
        end = time.monotonic() + seconds
        self._stopping.set()
        self._releases[0]()
        self._into["caller"].stop()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        self.stop()

    def run(self) -> None:
        """Waits until the source has ended and every stage and sink has finished. Raises what went wrong in any of them."""
        for _ in self:
            pass

    def __iter__(self) -> Iterator[Packet]:
        """The packets as they leave the last stage, until the source ends or `stop` is called."""
        return (packet for packet in self._packets(None) if packet is not None)

    def polled(self, seconds: float) -> Iterator[Packet | None]:
        """As iterating does, but with a None whenever no packet has come within so many seconds: a caller stays awake."""
        return self._packets(seconds)

    def __enter__(self) -> Self:
        self._started = True
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # Ctrl-C may come between two of them: what they work on is closed next
            self.stop()
            self._join()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()
        if error is None:
            self._finish()
        else:
            self._join()

    def _packets(self, seconds: float | None) -> Iterator[Packet | None]:
        if not self._started:
            raise RuntimeError("a pipeline runs inside its `with` block only")
        waiting = self._into["caller"]
        while (packet := waiting.get(seconds)) is not None or not waiting.over:
            yield packet
        self._finish()

    def _finish(self) -> None:
        self._join()
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def _join(self) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _thread(self, name: str, body: Callable[..., None], *args: object) -> threading.Thread:
        def guarded() -> None:
            try:
                body(*args)
            except BaseException as error:
                with self._lock:
                    if self._error is None:
                        self._error = error
                self.stop()

        return threading.Thread(target=guarded, name=f"pipeline-{name}", daemon=True)

    def _read(self, after: list[Handover]) -> None:
        packets = iter(self._source)
        while not self._stopping.is_set():
            start = time.perf_counter()
            packet = next(packets, None)
            if packet is None:
                break
            self.timings["source"].add(time.perf_counter() - start)
            give(packet, after)
        end(after)

    def _work(self, stage: Stage, after: list[Handover]) -> None:
        waiting = self._into[stage.name]
        while (packet := waiting.get(stage.idle_seconds)) is not None or not waiting.over:
            if packet is None:
                stage.idle()
                continue
            start = time.perf_counter()
            stage.work(packet)
            self.timings[stage.name].add(time.perf_counter() - start)
            give(packet, after)
        end(after)


def give(packet: Packet, after: list[Handover]) -> None:
    """Hands one packet to all that follow."""
    for handover in after:
        handover.put(packet)


def end(after: list[Handover]) -> None:
    """Tells all that follow that no more packets come."""
    for handover in after:
        handover.end()
