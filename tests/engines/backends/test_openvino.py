import subprocess
import sys

import pytest

ENGINES_THAT_OVERLAP = """
import gc, os, signal
from engines.backends.openvino import OpenVINOEngine

signal.signal(signal.SIGTERM, lambda *_: print("handled"))
first, second = OpenVINOEngine(), OpenVINOEngine()
first.close()
del first
gc.collect()
second.close()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_after_two_engines_that_overlapped_is_handled() -> None:
    """It was a segmentation fault on CPUs with AMX."""
    done = subprocess.run([sys.executable, "-c", ENGINES_THAT_OVERLAP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
