"""What `shm-compile` asks of a backend: engines built ahead of time, into the cache."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from engines.geometry import BASE
from engines.graphs.profile import Profile
from engines.store.cache import Cache

OnProgress = Callable[[str, float], None]  # what is being built, share in [0, 1] of all


class Refused(ValueError):
    """An option of a request that a backend does not take: which, its value, and what to do."""

    def __init__(self, option: str, value: object, remedy: str) -> None:
        super().__init__(f"{option} {value}: {remedy}")


@dataclass(frozen=True)
class Request:
    """Engines to build. A backend's `compile_ahead(request)` builds them and returns their files, one for each profile."""

    backend: str
    profiles: list[Profile]
    cache: Cache
    progress: Callable[[str], AbstractContextManager[OnProgress]]  # of a profile
    report: Callable[[str], None]  # for one line of text
    precision: str = "auto"
    model: str = BASE
    target: str | None = None  # a GPU generation to build for
    via: str = "onnx"
    check: bool = False  # compare with PyTorch, and keep no engine that is off
