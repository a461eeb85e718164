"""A Ray cluster that runs calls of a function as tasks. No other file imports Ray.

with Cluster("auto") as cluster:
    for name in names:
        cluster.submit(name, edit, name, cpus=4)            # edit(name, tell) runs on one of its machines
    for name, outcome in cluster.outcomes(on_progress):     # as they end; meanwhile more may be submitted, or cancelled
        print(name, outcome)
"""

import logging
import os
import re
import secrets
import signal
import socket
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError, RayTaskError

from engines.errors import MattingError
from realtime.closing import Closing

AUTO, LOCAL = "auto", "local"  # as Ray names them
ADDRESS = re.compile(r"(?:ray://)?\[?(?P<host>[\w.:-]+?)\]?:(?P<port>\d{1,5})", re.ASCII)
CONNECTING = 10  # s within which the head has to answer
AGAIN = 5  # times that a task is begun anew because its worker died
POLL = 0.5  # s between two looks at the tasks, and between two numbers that one of them tells
ENDING = 10  # s that cancelled tasks have to end in good order
IMPORTING = ("No module named", "Can't get attribute", "failed to import")  # in errors of a worker that cannot load its task

Tell = Callable[[int], None]


class ClusterError(MattingError):
    """A Ray cluster that cannot be used, or has not done its work."""


class Machine(NamedTuple):
    """What Ray may use of a machine."""

    cpus: int
    gpus: int


class Board:
    """In a process of the cluster: how often each task has begun, and the last number that it told."""

    def __init__(self) -> None:
        self._facts: dict[int, tuple[int, int]] = {}

    def begin(self, task: int) -> None:
        """Count a beginning."""
        begun, _ = self._facts.get(task, (0, 0))
        self._facts[task] = begun + 1, 0

    def tell(self, task: int, number: int) -> None:
        """Keep a number in place of the one before."""
        begun, _ = self._facts.get(task, (1, 0))
        self._facts[task] = begun, number

    def facts(self) -> dict[int, tuple[int, int]]:
        """How often each task has begun, and its number."""
        return self._facts


class Cluster(Closing):
    """A connection to a cluster. A context manager: leaving it cancels the tasks that have not ended.

    Attributes:
        name: what cluster it is, in words.
        machines: of the cluster.

    Args:
        address: HOST:PORT of the head; ray://HOST:PORT of its client server; "local" to start a cluster on this machine for as
            long as this one is open; "auto" for what the variable RAY_ADDRESS says, else one that runs on this machine, else a
            local one.

    Raises:
        ClusterError: if it cannot be used.
        ValueError: if the address is none.
    """

    def __init__(self, address: str) -> None:
        self._tasks: dict[Any, tuple[int, Hashable]] = {}  # by the references to their outcomes
        self._numbers: list[Hashable] = []
        self._told: dict[int, tuple[int, int]] = {}
        with ExitStack() as stack:
            # Ray prints the deaths of workers to standard output, which may be for a report.
            stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))))
            stack.callback(ray.shutdown)
            self.name = connect(address)
            nodes: Any = ray.nodes
            found = [each["Resources"] for each in nodes() if each["Alive"]]
            self.machines = [Machine(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in found]
            board: Any = ray.remote(Board)
            self._board = board.options(num_cpus=0, max_restarts=-1).remote()
            self._stack = stack.pop_all()

    def submit(self, key: Hashable, function: Callable[[Any, Tell], Any], argument: Any, *, cpus: int, gpus: int = 0) -> None:
        """Let a machine with so many free CPUs and GPUs call `function(argument, tell)`: it tells how far it is by `tell`.

        The function is one of a module, which all machines have. It is called again if its worker dies.
        """
        remote: Any = ray.remote(call)
        task = remote.options(num_cpus=cpus, num_gpus=gpus, max_retries=AGAIN, name=str(key))
        reference = task.remote(function, argument, len(self._numbers), self._board)
        self._tasks[reference] = len(self._numbers), key
        self._numbers.append(key)

    def cancel(self, keys: Sequence[Hashable]) -> None:
        """Break off those of the tasks that still run; they have no outcome then."""
        for reference in [each for each, (_, key) in self._tasks.items() if key in keys]:
            del self._tasks[reference]
            ray.cancel(reference)

    def outcomes(
        self,
        on_progress: Callable[[int], object] = lambda number: None,
        on_again: Callable[[Any], object] = lambda key: None,
    ) -> Iterator[tuple[Any, Any]]:
        """The key of each task that has ended, and what it returned; or its error, if that is a MattingError. Raises others.

        `on_progress` is called with the sum of the last numbers of all tasks, `on_again` with the key of a task that was begun
        again because its worker had died.
        """
        while self._tasks:
            time.sleep(POLL)  # here, as Ray makes exit code 1 of a signal that comes while it waits
            ended, _ = ray.wait([*self._tasks], num_returns=len(self._tasks), timeout=0)
            with suppress(RayError):  # whose process is begun anew, too
                told = ray.get(self._board.facts.remote(), timeout=POLL)
                for number, (begun, _) in told.items():
                    if begun > max(1, self._told.get(number, (1, 0))[0]):
                        on_again(self._numbers[number])
                self._told = {**self._told, **told}
            on_progress(sum(number for _, number in self._told.values()))
            for reference in ended:
                if reference in self._tasks:  # else it was cancelled meanwhile
                    _, key = self._tasks.pop(reference)
                    yield key, outcome(reference, key)

    def close(self) -> None:
        """Cancel what still runs, and leave the cluster."""
        left = [*self._tasks]
        self._tasks.clear()
        with self._stack, suppress(RayError):
            for reference in left:
                ray.cancel(reference)
            if left:
                ray.wait(left, num_returns=len(left), timeout=ENDING)


def call(function: Callable[[Any, Tell], Any], argument: Any, task: int, board: Any) -> Any:
    """Run a task, on a machine of the cluster, and keep the board up to date."""
    board.begin.remote(task)
    last, latest = 0.0, 0

    def tell(number: int) -> None:
        nonlocal last, latest
        latest = number
        if time.monotonic() > last + POLL:
            last = time.monotonic()
            board.tell.remote(task, number)

    result = function(argument, tell)
    board.tell.remote(task, latest)
    return result


def outcome(reference: Any, key: Hashable) -> Any:
    """What a task returned, or its MattingError. Raises other errors of a task."""
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, MattingError):
            return error.cause
        if any(sign in str(error) for sign in IMPORTING):
            return ClusterError(
                f"{key}: its machine lacks this package, or has another version of it; install it on all of them"
            )
        raise
    except RayError as error:
        return ClusterError(f"{key}: was begun {AGAIN} times again, and given up ({in_one_line(error)})")


def connect(address: str) -> str:
    """Connect this process to a cluster, and say in words which it is. Raises as `Cluster` does."""
    if address == AUTO:
        address = os.environ.get("RAY_ADDRESS") or AUTO
    if address not in (AUTO, LOCAL):
        check_address(address)
    try:
        with same_signals():
            if address == AUTO:
                with suppress(ConnectionError):
                    context = initialize(AUTO)
                    return f"the Ray cluster of this machine, {context.address_info['gcs_address']}"
            if address in (AUTO, LOCAL):
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
                os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # it listens to the network
                initialize(LOCAL, include_dashboard=False)
                return "a Ray cluster started on this machine"
            initialize(address)
            return f"the Ray cluster {address}"
    except (ImportError, OSError, RuntimeError, ValueError, RayError) as error:
        raise ClusterError(f"{address}: cannot be used ({in_one_line(error)})") from error


def initialize(address: str, **options: Any) -> Any:
    """`ray.init` that says little, and does not wait long for a head that gives no answer."""
    if address != LOCAL:
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")  # tries, each of more than half a minute; else 20
    return ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)


def check_address(address: str) -> None:
    """Raise ValueError if this is no address, and ClusterError if nothing answers there."""
    parts = ADDRESS.fullmatch(address)
    if parts is None or not 0 < int(parts["port"]) < 65_536:
        raise ValueError(f"{address}: is no address; give HOST:PORT of a cluster's head, ray://HOST:PORT, or auto")
    try:
        socket.create_connection((parts["host"], int(parts["port"])), CONNECTING).close()
    except OSError as error:
        raise ClusterError(f"{address}: does not answer ({error.strerror or error}); check the address") from error


@contextmanager
def same_signals() -> Iterator[None]:
    """Undo what Ray does to SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def in_one_line(error: Exception) -> str:
    """What matters of an error of Ray: the last line of a traceback, or the first sentence of an essay."""
    text = str(error).strip()
    text = text.splitlines()[-1] if "Traceback" in text else text
    return " ".join(text.split()).split(". ")[0].rstrip(".")
