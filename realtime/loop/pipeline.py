"""One loop for files and for live video: a source and its stages, each in threads of its own, joined by bounded queues.

    stages = [Stage("matte", matte), Stage("composite", compose), Stage("encode", sink.write)]
    with Pipeline(source, stages) as pipeline:                           # a file: every frame, in order
        for packet in pipeline:                                          # in the caller's thread: progress, a window, ...
            progress.advance(packet)

    sinks = [Stage("record", recording.write), Stage("camera", camera.write)]
    with Pipeline(webcam, stages, sinks, policy=Policy.NEWEST_FRAME) as pipeline:    # live: never late
        for packet in pipeline:
            window.show(packet)
    print(pipeline.median_ms, pipeline.dropped)

The source is any iterable of packets. A stage works on a packet in place. Sinks run in parallel after the last stage, each with
its own thread and queue, and only read packets. Under `Policy.EVERY_FRAME` a full queue makes its producer wait, so nothing is
lost and memory stays constant; under `Policy.NEWEST_FRAME` the oldest packet in it is dropped, so a slow stage or sink neither
delays nor slows what comes before it.

An error in any thread stops all of them, and is raised once in the caller: from the loop over the pipeline, or else on
leaving the `with` block. Leaving the block early stops everything; no thread outlives it. Where a program ends inside the
block, as with a generator that it still holds, the threads are stopped first.
"""

import atexit
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from realtime.loop.queue import PacketQueue, Policy
from realtime.loop.stages import Stage, StageTimes, Turns, nothing
from realtime.packet import Packet

LAST_FRAMES = 10.0  # s that the end of the program waits for what the threads work on


class Pipeline:
    """Runs a source, its stages and its sinks while the `with` block lasts; see the top of this file.

    Args:
        source: yields packets in order; its time is counted as the stage "source".
        stages: one after the other, each in its own thread.
        sinks: in parallel after the last stage, each in its own thread.
        policy: what a full queue does.
        depth: packets that a queue holds; by default 2 for EVERY_FRAME, 1 for NEWEST_FRAME.
        release: called when the pipeline stops, as a stage's is: a source that waits for its next frame ends soon after.
        clock: seconds, by which the stages are timed.
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
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        names = ["source", *(stage.name for stage in (*stages, *sinks)), "caller"]
        if len(set(names)) < len(names):
            raise ValueError(f"stage names must differ from one another, and from 'source' and 'caller': {names[1:-1]}")
        depth = depth or (2 if policy is Policy.EVERY_FRAME else 1)
        self.times = {name: StageTimes() for name in names[:-1]}
        self._source = source
        self._clock = clock
        self._releases = [release, *(stage.release for stage in (*stages, *sinks))]
        depths = {stage.name: stage.depth or depth for stage in (*stages, *sinks)}
        # each queue by the name of its consumer
        self._queues = {name: PacketQueue(depths.get(name, depth), policy) for name in names[1:]}
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._started = False

        outlets = [*(self._queues[sink.name] for sink in sinks), self._queues["caller"]]
        following = [[self._queues[stage.name]] for stage in stages] + [outlets]
        self._threads = [self._thread("source", self._read, following[0])]
        for stage, after in [*zip(stages, following[1:], strict=True), *((sink, []) for sink in sinks)]:
            if stage.ahead:
                self._threads.append(self._thread(stage.name, self._work_ahead, stage, after))
                continue
            turns = Turns(stage.threads)
            self._threads += [self._thread(stage.name, self._work, stage, after, turns) for _ in range(stage.threads)]

    @property
    def median_ms(self) -> dict[str, float]:
        """Median milliseconds a packet for "source" and each stage and sink, over the recent ones, divided by its threads."""
        return {name: times.median_ms for name, times in self.times.items()}

    @property
    def dropped(self) -> dict[str, int]:
        """Packets dropped so far, by the name of the stage or sink that they were meant for; "caller" is the loop outside."""
        return {name: queue.dropped for name, queue in self._queues.items()}

    def stop(self) -> None:
        """Stop all threads after the packet that each works on. May be called from any thread; does not wait."""
        self._stopping.set()
        for queue in self._queues.values():
            queue.stop()
        for release in self._releases:
            release()

    def drain(self, seconds: float) -> None:
        """End the source, let the packets in flight reach the sinks for at most so many seconds, and stop.

        For the caller's thread, which takes no more packets afterwards.
        """
        end = time.monotonic() + seconds
        self._stopping.set()
        self._releases[0]()
        self._queues["caller"].stop()
        self._join(end)
        self.stop()

    def run(self) -> None:
        """Wait until the source has ended and every stage and sink has finished. Raises what went wrong in any of them."""
        for _ in self:
            pass

    def __iter__(self) -> Iterator[Packet]:
        """The packets as they leave the last stage, until the source ends or `stop` is called."""
        return (packet for packet in self._packets(None) if packet is not None)

    def polled(self, seconds: float) -> Iterator[Packet | None]:
        """Iterate, with a None whenever no packet has come within so many seconds, so that the caller stays responsive."""
        return self._packets(seconds)

    def __enter__(self) -> Self:
        self._started = True
        atexit.register(self._end_of_program)
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # Ctrl-C may come between two of them, and what they read is closed next
            self.stop()
            self._join()
            atexit.unregister(self._end_of_program)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()
        try:
            if error is None:
                self._finish()
            else:
                self._join()
        finally:
            atexit.unregister(self._end_of_program)

    def _end_of_program(self) -> None:
        """Stop: a thread that Python ends within C++, such as OpenVINO's or OpenCV's, takes the process down by SIGABRT."""
        self.stop()
        self._join(time.monotonic() + LAST_FRAMES)

    def _packets(self, seconds: float | None) -> Iterator[Packet | None]:
        if not self._started:
            raise RuntimeError("a pipeline runs only inside its `with` block")
        waiting = self._queues["caller"]
        while (packet := waiting.get(seconds)) is not None or not waiting.over:
            yield packet
        self._finish()

    def _finish(self) -> None:
        self._join()
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def _join(self, end: float | None = None) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if end is None else max(0.0, end - time.monotonic()))

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

    def _read(self, after: list[PacketQueue]) -> None:
        packets = iter(self._source)
        while not self._stopping.is_set():
            start = self._clock()
            packet = next(packets, None)
            if packet is None:
                break
            self.times["source"].add(self._clock() - start)
            put(packet, after)
        end(after)

    def _work(self, stage: Stage, after: list[PacketQueue], turns: Turns) -> None:
        waiting = self._queues[stage.name]
        while True:
            with turns.taking:
                packet = waiting.get(stage.idle_seconds)
                turn = turns.take() if packet is not None else None
            if packet is None or turn is None:
                if waiting.over:
                    break
                stage.idle()
                continue
            try:
                start = self._clock()
                stage.work(packet)
                self.times[stage.name].add((self._clock() - start) / stage.threads)
                turn.before.wait()
                put(packet, after)
            except BaseException:
                self.stop()  # before the packets behind it may go on
                raise
            finally:
                turn.done.set()
        if turns.leave():
            end(after)

    def _work_ahead(self, stage: Stage, after: list[PacketQueue]) -> None:
        waiting = self._queues[stage.name]
        packet = waiting.get()
        while packet is not None:
            following = waiting.get()
            if following is None and self._stopping.is_set():
                break  # it is not the last one
            start = self._clock()
            stage.work(packet, following)
            self.times[stage.name].add(self._clock() - start)
            put(packet, after)
            packet = following
        end(after)


def put(packet: Packet, queues: list[PacketQueue]) -> None:
    """Put one packet into all queues that follow."""
    for queue in queues:
        queue.put(packet)


def end(queues: list[PacketQueue]) -> None:
    """Mark the end in all queues that follow."""
    for queue in queues:
        queue.end()
