"""A bounded queue of packets from one thread to the next, and what it does when it is full."""

import threading
from collections import deque
from enum import Enum

from realtime.packet import Packet


class Policy(Enum):
    """What a hand-over does when it is full."""

    EVERY_FRAME = "wait"
    NEWEST_FRAME = "drop the oldest"


class Handover:
    """A bounded queue of packets from one thread to the next, in order."""

    def __init__(self, depth: int, policy: Policy) -> None:
        if depth < 1:
            raise ValueError("a hand-over holds at least one packet")
        self.depth = depth
        self.policy = policy
        self.dropped = 0
        self._packets: deque[Packet] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False

    @property
    def over(self) -> bool:
        """Whether nothing can be taken any more: the giver has ended and all is taken, or it was stopped."""
        with self._changed:
            return self._stopped or (self._ended and not self._packets)

    def __len__(self) -> int:
        return len(self._packets)

    def put(self, packet: Packet) -> bool:
        """Hands a packet over; False when the hand-over has been stopped."""
        with self._changed:
            if self.policy is Policy.NEWEST_FRAME:
                while len(self._packets) >= self.depth:
                    self._packets.popleft()
                    self.dropped += 1
            else:
                self._changed.wait_for(lambda: self._stopped or len(self._packets) < self.depth)
            if self._stopped:
                return False
            self._packets.append(packet)
            self._changed.notify_all()
            return True

    def get(self, seconds: float | None = None) -> Packet | None:
        """Waits for the next packet; None when the giver has ended and all is taken, or at once when stopped.

        With `seconds` it waits no longer than that, and None may also mean that none has come yet: see `over`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._packets or self._ended or self._stopped, seconds)
            if self._stopped or not self._packets:
                return None
            packet = self._packets.popleft()
            self._changed.notify_all()
            return packet

    def end(self) -> None:
        """Says that no more packets come; those inside can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Lets go of all packets and of everyone who waits."""
        with self._changed:
            self._stopped = True
            self._packets.clear()
            self._changed.notify_all()
