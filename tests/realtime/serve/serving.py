"""A service that runs while a test lasts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from engines.engine import Engine
from realtime.serve.app import create_app
from realtime.serve.limits import Limits
from realtime.serve.server import configured, listen

DEFAULTS = Limits()


@contextmanager
def serving(engine: Engine, limits: Limits = DEFAULTS, load: Callable[[str], Engine] | None = None) -> Iterator[str]:
    """The address of a service on this engine, and on those that `load` gives for other models."""
    opened = listen("127.0.0.1", 0)
    server = uvicorn.Server(configured(create_app(engine, limits=limits, load=load)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{opened.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        opened.close()
