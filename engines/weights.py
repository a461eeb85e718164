"""The weights in use: for each model a folder with a safetensors file, the graphs that point into it, and their SHA-256.

They are the released ones, of the package, or those in the folder that the variable SHM_WEIGHTS names when a program starts.

The tensors are stored in float16, batch normalisation folded into the convolutions. The graphs (ONNX) hold no weights of their
own: their initialisers point into the safetensors file, so that each number is on disk once.
"""

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from engines.errors import WeightsError
from engines.geometry import BASE, MODELS

PACKAGED = Path(__file__).parent / "released"
FOLDER_VARIABLE = "SHM_WEIGHTS"
FOLDER = Path(os.environ.get(FOLDER_VARIABLE) or PACKAGED).expanduser().absolute()
SAFETENSORS = "weights.safetensors"
MANIFEST = "manifest.json"
NETWORKS = ("mpn", "qun", "mrn")
PARTS = ("mpn-low", "qun", "mrn-features", "mrn-details")  # graphs of the same networks, for engines that run MRN by tiles
INT8 = ("mpn-low", "qun", "mrn-features")  # those that have a second graph, with convolutions of 8-bit integers


def sha256(path: Path) -> str:
    """The digest of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(model: str = BASE, folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest of a model, after verifying each of its files. `folder`: of all models.

    They are verified once, and again if weights were released since. Raises WeightsError that names the file if one is missing
    or damaged.
    """
    try:
        written = (folder / model / MANIFEST).stat()
    except OSError:
        return _verified(model, folder, (0, 0))
    return _verified(model, folder, (written.st_ino, written.st_mtime_ns))


@cache
def _verified(model: str, folder: Path, _written: tuple[int, int]) -> dict[str, Any]:
    own = folder / model
    there = models(folder)
    if folder != PACKAGED and there and model not in there:
        raise WeightsError(f"{folder}: has only the {there[0]} model, --model {there[0]}; {_remedy(model, folder)}")
    try:
        manifest: dict[str, Any] = json.loads((own / MANIFEST).read_text(encoding="utf-8"))
        expected = {name: str(digest) for name, digest in manifest["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{own / MANIFEST}: cannot be read; {_remedy(model, folder)}") from error
    for name, digest in expected.items():
        path = own / name
        if not path.is_file():
            raise WeightsError(f"{path}: is missing; {_remedy(model, folder)}")
        if sha256(path) != digest:
            raise WeightsError(f"{path}: is damaged (its SHA-256 is not the manifest's); {_remedy(model, folder)}")
    return manifest


def _remedy(model: str, folder: Path) -> str:
    if folder == PACKAGED:
        return "install the package again"
    named = f"{FOLDER_VARIABLE} names {folder}: " if folder == FOLDER else ""
    return f"{named}shm-train release --model {model} --out {folder} puts the {model} model there"


def digest(model: str = BASE) -> str:
    """The SHA-256 of a model's weights. Raises WeightsError as `verified` does."""
    return str(verified(model)["sha256"][SAFETENSORS])


def models(folder: Path = FOLDER) -> list[str]:
    """The models that a folder has weights of: of one's own, there need not be all."""
    return [model for model in MODELS if (folder / model).is_dir()]


def int8_graph(name: str) -> str:
    """The name of the second graph of one of INT8."""
    return f"{name}-int8"


GRAPHS = tuple(dict.fromkeys((*NETWORKS, *PARTS, *map(int8_graph, INT8))))


def graph_file(name: str) -> str:
    """The file of one of GRAPHS."""
    return f"{name}.onnx"


def graph(name: str, model: str = BASE, folder: Path = FOLDER) -> Path:
    """The verified ONNX graph, one of GRAPHS."""
    verified(model, folder)
    return folder / model / graph_file(name)
