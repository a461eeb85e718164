"""A bounded queue of packets from one thread to the next, and what it does when it is full."""

import threading
import time
from collections import deque
from enum import Enum

from realtime.packet import Packet


class Policy(Enum):
    """What a full queue does."""

    EVERY_FRAME = "wait"
    NEWEST_FRAME = "drop the oldest"


class PacketQueue:
    """A bounded queue of packets from one thread, its producer, to another, its consumer, in order.

    It waits on plain locks alone: the exception that a signal raises in the main thread, such as Ctrl-C, may come at any
    bytecode of `threading.Condition`, and would leave its lock held for ever, or released twice.
    """

    def __init__(self, depth: int, policy: Policy) -> None:
        if depth < 1:
            raise ValueError("a queue holds at least one packet")
        self.depth = depth
        self.policy = policy
        self.dropped = 0
        self._packets: deque[Packet] = deque()
        self._lock = threading.Lock()
        self._filled, self._emptied = threading.Lock(), threading.Lock()  # held until there is news for the one that waits
        self._filled.acquire()
        self._emptied.acquire()
        self._ended = False
        self._stopped = False

    @property
    def over(self) -> bool:
        """Whether nothing more will come out: the producer has ended and the queue is empty, or it was stopped."""
        with self._lock:
            return self._stopped or (self._ended and not self._packets)

    def put(self, packet: Packet) -> bool:
        """Add a packet; return False if the queue has been stopped."""
        while True:
            with self._lock:
                if self._stopped:
                    return False
                while self.policy is Policy.NEWEST_FRAME and len(self._packets) >= self.depth:
                    self._packets.popleft()
                    self.dropped += 1
                if len(self._packets) < self.depth:
                    self._packets.append(packet)
                    self._wake(self._filled)
                    return True
            self._emptied.acquire()

    def get(self, seconds: float | None = None) -> Packet | None:
        """Wait for the next packet; None when the producer has ended and the queue is empty, or at once when stopped.

        With `seconds` it waits no longer than that, and None may also mean that none has come yet: see `over`.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            with self._lock:
                if self._packets and not self._stopped:
                    packet = self._packets.popleft()
                    self._wake(self._emptied)
                    return packet
                if self._stopped or self._ended:
                    return None
            if not self._filled.acquire(timeout=-1 if deadline is None else max(0.0, deadline - time.monotonic())):
                return None

    def end(self) -> None:
        """Mark the end: no more packets come, and those inside can still be taken."""
        with self._lock:
            self._ended = True
            self._wake(self._filled)

    def stop(self) -> None:
        """Discard all packets and wake everyone who waits."""
        with self._lock:
            self._stopped = True
            self._packets.clear()
            self._wake(self._filled)
            self._wake(self._emptied)

    def _wake(self, news: threading.Lock) -> None:
        """Called with the lock: let the one that waits for news go on, or not wait at all."""
        if news.locked():
            news.release()
