import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache() -> Iterator[None]:
    """No test reads or writes the user's cache of engines; programs that tests start inherit this."""
    folder = tempfile.mkdtemp(prefix="shm-cache-")
    before = os.environ.get("SHM_CACHE")
    os.environ["SHM_CACHE"] = folder
    yield
    os.environ.pop("SHM_CACHE")
    if before is not None:
        os.environ["SHM_CACHE"] = before
    shutil.rmtree(folder, ignore_errors=True)
