"""The networks, their weights, and every form in which they run: `engines.load()` gives one that is ready."""

from engines.engine import Engine, Frame, Mask, Matte
from engines.errors import MattingError
from engines.loading import load

__all__ = ["Engine", "Frame", "Mask", "Matte", "MattingError", "load"]
