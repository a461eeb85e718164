"""A peer's own process: imports one adapter, then answers frames on standard input with mattes on standard output.

Run as a script, by the path of this file, in whichever Python has what the adapter needs; it imports nothing of this project.
An adapter is a module with `load() -> f`, where f takes a frame, uint8 RGB (H, W, 3), and gives its alpha, floats (H, W).

    request  8 bytes: H and W, uint32; the frame's bytes
    answer   1 byte: K or E; 8 bytes: milliseconds, float64; 8 bytes: length, uint64;
             that many bytes: alpha, float32, or a message in UTF-8

The first answer is sent unasked, with the milliseconds that loading took, and, after "stream" as a third argument, the message
"stream" if the model keeps its state from frame to frame: if its `load` takes `stream=True`. All numbers are little-endian.
"""

import importlib
import inspect
import os
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

import numpy as np

ANSWER = struct.Struct("<cdQ")
REQUEST = struct.Struct("<II")


def answer(pipe: BinaryIO, work: Callable[[], Any]) -> None:
    """Do the work and send its time and result, bytes or an alpha; an exception is sent as a message."""
    begin = time.perf_counter()
    try:
        result = work()
        milliseconds = 1e3 * (time.perf_counter() - begin)
        payload = result if isinstance(result, bytes) else np.ascontiguousarray(result, dtype="<f4").tobytes()
        pipe.write(ANSWER.pack(b"K", milliseconds, len(payload)) + payload)
    except Exception as error:
        message = f"{type(error).__name__}: {error}".encode()
        pipe.write(ANSWER.pack(b"E", 0.0, len(message)) + message)
    pipe.flush()


def serve(folder: str, name: str, requests: BinaryIO, answers: BinaryIO, *, stream: bool = False) -> None:
    """Load the adapter `name` of a folder and answer until the requests end."""
    sys.path[0] = folder  # in place of the folder of this file, whose modules are none of the adapter's
    loaded: list[Callable[..., Any]] = []

    def load() -> bytes:
        function = importlib.import_module(name).load
        streams = stream and "stream" in inspect.signature(function).parameters
        loaded.append(function(stream=True) if streams else function())
        return b"stream" if streams else b""

    answer(answers, load)
    while loaded and len(head := requests.read(REQUEST.size)) == REQUEST.size:
        height, width = REQUEST.unpack(head)
        frame = np.frombuffer(requests.read(height * width * 3), np.uint8).reshape(height, width, 3).copy()
        answer(answers, partial(loaded[0], frame))


if __name__ == "__main__":
    # What an adapter prints must not get between the answers.
    own_output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.argv[2], sys.stdin.buffer, own_output, stream="stream" in sys.argv[3:])
