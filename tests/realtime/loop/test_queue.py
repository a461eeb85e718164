import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from realtime.loop.queue import PacketQueue, Policy
from realtime.packet import Packet

ROOT = Path(__file__).parents[3]


def packet(index: int = 0) -> Packet:
    return Packet(np.zeros((32, 32, 3), np.uint8), Fraction(index, 25), index)


def test_newest_frame_drops_the_oldest_and_never_waits() -> None:
    queue = PacketQueue(depth=2, policy=Policy.NEWEST_FRAME)
    for index in range(5):
        assert queue.put(packet(index))
    queue.end()
    assert queue.dropped == 3
    taken = [queue.get(), queue.get()]
    assert [packet.index for packet in taken if packet] == [3, 4]
    assert queue.get() is None


def test_a_queue_holds_at_least_one_packet() -> None:
    with pytest.raises(ValueError, match="at least one"):
        PacketQueue(0, Policy.EVERY_FRAME)


@pytest.mark.parametrize("policy", Policy)
def test_a_wait_with_a_limit_ends_without_a_packet(policy: Policy) -> None:
    queue = PacketQueue(2, policy)
    assert queue.get(0.001) is None
    assert not queue.over
    queue.put(packet())
    assert queue.get(0) is not None
    assert queue.get(0) is None
    queue.end()
    assert queue.over


INTERRUPTED = """
import random, signal, threading
from realtime.loop.queue import PacketQueue, Policy
from tests.realtime.loop.test_queue import packet

class Interrupted(Exception):
    pass

def interrupt(*_):
    raise Interrupted

signal.signal(signal.SIGALRM, interrupt)
rng = random.Random(1)
queue = PacketQueue(1, Policy.NEWEST_FRAME)
for count in range(500):
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 2e-4))
        while True:
            queue.get(count % 2 * 1e-4)
    except Interrupted:
        pass
    other = threading.Thread(target=queue.put, args=(packet(),), daemon=True)
    other.start()
    other.join(20)
    assert not other.is_alive(), "the lock of the queue is still held"
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX timers")
def test_a_signal_at_any_moment_of_a_wait_leaves_the_queue_usable() -> None:
    """shm-live hung on SIGTERM now and then: the signal had come inside of threading.Condition, whose lock stayed held."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
