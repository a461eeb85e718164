"""The released weights: for each model a folder with a safetensors file, the graphs that point into it, and their SHA-256.

The tensors are stored in float16, batch normalisation folded into the convolutions. The graphs (ONNX) hold no weights of their
own: their initialisers point into the safetensors file, so that each number is on disk once.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from engines.errors import WeightsError
from engines.geometry import BASE

FOLDER = Path(__file__).parent / "released"
SAFETENSORS = "weights.safetensors"
MANIFEST = "manifest.json"
NETWORKS = ("mpn", "qun", "mrn")
PARTS = ("mpn-low", "qun", "mrn-features", "mrn-details")  # graphs of the same networks, for engines that run MRN by tiles
INT8 = ("mpn-low", "qun", "mrn-features")  # those that have a second graph, with convolutions of 8-bit integers


def sha256(path: Path) -> str:
    """The digest of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def verified(model: str = BASE, folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest of a model, after verifying each of its files. `folder`: of all models.

    Raises WeightsError that names the file if one is missing or damaged.
    """
    own = folder / model
    try:
        manifest: dict[str, Any] = json.loads((own / MANIFEST).read_text(encoding="utf-8"))
        expected = {name: str(digest) for name, digest in manifest["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{own / MANIFEST}: cannot be read; install the package again") from error
    for name, digest in expected.items():
        path = own / name
        if not path.is_file():
            raise WeightsError(f"{path}: is missing; install the package again")
        if sha256(path) != digest:
            raise WeightsError(f"{path}: is damaged (its SHA-256 is not the manifest's); install the package again")
    return manifest


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
