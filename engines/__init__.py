"""From weights to a matte: `engines.load()` returns an engine, and `engine(frame)` a matte.

Names are imported when they are first used (PEP 562), so that commands answer `--help` without NumPy or OpenCV.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.engine import Engine, Frame, Mask, Matte
    from engines.errors import (
        BackendUnavailable,
        DataError,
        EngineError,
        FileAppeared,
        MattingError,
        MediaError,
        TooManyPixels,
        WeightsError,
    )
    from engines.loading import load

    __version__: str

__all__ = [
    "BackendUnavailable",
    "DataError",
    "Engine",
    "EngineError",
    "FileAppeared",
    "Frame",
    "Mask",
    "Matte",
    "MattingError",
    "MediaError",
    "TooManyPixels",
    "WeightsError",
    "__version__",
    "load",
]

_MODULES = {
    "BackendUnavailable": "engines.errors",
    "Engine": "engines.engine",
    "DataError": "engines.errors",
    "EngineError": "engines.errors",
    "FileAppeared": "engines.errors",
    "Frame": "engines.engine",
    "Mask": "engines.engine",
    "Matte": "engines.engine",
    "MattingError": "engines.errors",
    "MediaError": "engines.errors",
    "TooManyPixels": "engines.errors",
    "WeightsError": "engines.errors",
    "load": "engines.loading",
}

if not TYPE_CHECKING:  # where it would make any name a valid one

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("semantic-human-matting")
        if name not in _MODULES:
            raise AttributeError(f"module 'engines' has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
