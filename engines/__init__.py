"""From weights to a matte: `engines.load()` returns an engine, and `engine(frame)` a matte.

Names are imported when they are first used (PEP 562), so that commands answer `--help` without NumPy or OpenCV.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.engine import Engine as Engine
    from engines.engine import Frame as Frame
    from engines.engine import Mask as Mask
    from engines.engine import Matte as Matte
    from engines.errors import BackendUnavailable as BackendUnavailable
    from engines.errors import DataError as DataError
    from engines.errors import EngineError as EngineError
    from engines.errors import FileAppeared as FileAppeared
    from engines.errors import MattingError as MattingError
    from engines.errors import MediaError as MediaError
    from engines.errors import TooManyPixels as TooManyPixels
    from engines.errors import WeightsError as WeightsError
    from engines.loading import load as load

    __version__: str

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
__all__ = sorted([*_MODULES, "__version__"])

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
