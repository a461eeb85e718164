"""The tables of the README and the model card, made of the committed figures, so that no number is copied by hand.

A table stands between `<!-- figures:NAME -->` and `<!-- /figures -->`; what is between is replaced.
"""

import json
import re
from pathlib import Path

from benchmarks.markdown import FILES, TABLES
from engines.commands.running import UsageError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", ROOT / "engines" / "released" / "MODEL_CARD.md")
BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
NOT_MEASURED = "Not measured yet: `bench all --report benchmarks/results` does it.\n"


def refreshed(page: str, results: Path = RESULTS) -> str:
    """A page with its tables made anew of `results`/NAME.json; one that is not there is told to be not measured yet.

    Raises UsageError where one cannot be read, or a block has a name that is not known.
    """
    return BLOCK.sub(lambda block: block[1] + table(block[2], results) + block[3], page)


def table(name: str, results: Path) -> str:
    """A table by its name, of the figures in a folder; see `refreshed`."""
    if name not in TABLES:
        raise UsageError(f"figures:{name}: unknown; known are {', '.join(TABLES)}")
    path = results / f"{FILES.get(name, name)}.json"
    if not path.exists():
        return NOT_MEASURED
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read; measure it again, with --json") from error
    try:
        return TABLES[name](report)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: was written by another command or version; measure it again, with --json") from error
