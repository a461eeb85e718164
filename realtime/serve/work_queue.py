"""The bounded queue before the engine that all share: who comes when it is full is sent away, and told when to come back."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from engines.closer import CloserEngine
from engines.engine import Engine, Frame, Mask, Matte, Profiled

Result = TypeVar("Result")

BESIDE = 1  # thread that reads or writes a photo, beside those at the networks
RECENT = 0.2  # weight of the newest request in the mean of what one takes


class QueueFull(Exception):
    """No place is free. `seconds`: after which one probably will be."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the service is busy; try again in {seconds} s")
        self.seconds = seconds


class WorkQueue:
    """At most `size` requests at a time, worked on in the order in which they are complete; `at_once` are at the networks."""

    def __init__(self, size: int, at_once: int = 1) -> None:
        self._size, self._count = size, at_once + BESIDE
        self._held = 0
        self._mean = 1.0  # s
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="serve")

    @property
    def held(self) -> int:
        """How many requests have a place."""
        return self._held

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place from before the body is read: the queue bounds the memory that bodies take. Raises QueueFull."""
        if self._held >= self._size:
            raise QueueFull(math.ceil(self._mean * self._size / self._count))
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run work in a thread, and return what it returns. A client that leaves does not free its place before it is done."""

        def timed() -> Result:
            start = time.perf_counter()
            try:
                return work()
            finally:
                self._mean += RECENT * (time.perf_counter() - start - self._mean)

        future = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(self._threads, timed))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def close(self) -> None:
        """Wait until what is being worked on is done."""
        self._threads.shutdown()


class Turns:
    """A semaphore that serves in the order of arrival. Python's own lets a video, which comes again at once, starve a photo."""

    def __init__(self, places: int) -> None:
        self._lock, self._free = threading.Lock(), places
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:  # then nobody waits
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # who takes this place
            else:
                self._free += 1


class SharedEngine(Engine):
    """An engine that takes frames from any thread, as many as it can at once: photos pass between the frames of a video.

    `free`: of engines that share one machine, which together take no more.
    """

    def __init__(self, engine: Engine, free: Turns) -> None:
        self._engine, self._free = engine, free
        self.name, self.device, self.precision, self.model = engine.name, engine.device, engine.precision, engine.model
        self.at_once, self.one_size = engine.at_once, engine.one_size

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        with self._free:
            return self._engine(frame, mask)

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        with self._free:
            return self._engine.profile(frame, mask)

    def coarse(self, frame: Frame) -> Mask:
        with self._free:
            return self._engine.coarse(frame)

    def close(self) -> None:
        """Leaves the engine open, which belongs to who opened it."""


def share(engine: Engine, free: Turns) -> Engine:
    """An engine for all threads. Closer looks are outside: photos and streams take them in ways of their own."""
    if isinstance(engine, CloserEngine):
        return CloserEngine(SharedEngine(engine.engine, free))
    return SharedEngine(engine, free)


class SharedEngines:
    """The engine of each model, of which the first was loaded; `load` opens another when it is first asked for, if it is given.

    They share the machine: together they take as many frames at once as the first.
    """

    def __init__(self, first: Engine, load: Callable[[str], Engine] | None = None) -> None:
        self._free = Turns(first.at_once)
        self.first = share(first, self._free)
        self._load, self._loading = load, threading.Lock()
        self._loaded: dict[str, Engine] = {}
        self._shared = {first.model: self.first}

    def named(self, model: str | None) -> str:
        """The name of a model, the first's for None. Raises ValueError for one that cannot be loaded."""
        if model is not None and model not in self._shared and self._load is None:
            raise ValueError(f"model: this service has the model {self.first.model} alone")
        return model or self.first.model

    def of(self, model: str) -> Engine:
        """The engine of a model that `named` gave. From any thread; the first call for a model takes a while."""
        with self._loading:
            if model not in self._shared:
                assert self._load is not None
                self._loaded[model] = self._load(model)
                self._shared[model] = share(self._loaded[model], self._free)
            return self._shared[model]

    def close(self) -> None:
        """Close those that were loaded here. The first belongs to who opened it."""
        for engine in self._loaded.values():
            engine.close()
