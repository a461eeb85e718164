"""The released weights: one safetensors file, the three graphs that point into it, and a manifest with their SHA-256.

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


def sha256(path: Path) -> str:
    """The digest of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def verified(folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest of a folder of weights, after verifying each file against it.

    Raises WeightsError that names the file if one is missing or damaged.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        expected = {name: str(digest) for name, digest in manifest["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{folder / MANIFEST}: cannot be read; install the package again") from error
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path}: is missing; install the package again")
        if sha256(path) != digest:
            raise WeightsError(f"{path}: is damaged (its SHA-256 is not the manifest's); install the package again")
    return manifest


def graph_file(name: str, model: str = BASE) -> str:
    """The file of a graph, one of NETWORKS or PARTS. MPN has one per model; the others take masks of any size."""
    return f"{name}-{model}.onnx" if name == "mpn" and model != BASE else f"{name}.onnx"


def graph(name: str, folder: Path = FOLDER, model: str = BASE) -> Path:
    """The verified ONNX graph of one of NETWORKS or PARTS."""
    verified(folder)
    return folder / graph_file(name, model)
