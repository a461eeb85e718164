"""PyMatting's estimators, each loaded alone: with the whole package, Numba would compile for a minute the first time."""

import importlib.util
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType


@cache
def estimator(name: str) -> ModuleType:
    """The module `pymatting.NAME` and what that imports, without the `__init__.py` of PyMatting's folders, which import all.

    Raises ModuleNotFoundError without PyMatting.
    """
    whole = f"pymatting.{name}"
    if whole in sys.modules:
        return sys.modules[whole]
    package = importlib.util.find_spec("pymatting")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'pymatting'", name="pymatting")
    root = Path(package.submodule_search_locations[0])
    folders = {"pymatting": root} | {f"pymatting.{init.parent.name}": init.parent for init in root.glob("*/__init__.py")}
    empty: dict[str, ModuleType] = {}
    for folder, path in folders.items():
        if folder not in sys.modules:
            empty[folder] = sys.modules[folder] = ModuleType(folder)
            empty[folder].__path__ = [str(path)]
    try:
        return import_module(whole)  # under its own name, by which Numba's cache finds it
    finally:
        for folder in empty:
            del sys.modules[folder]
