"""Command lines that a fresh Python answers one after another: most of the time of one is its imports, which they share."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = """
import contextlib, importlib, io, json, sys
for module, words in json.loads(sys.argv[1]):
    main = importlib.import_module(module).main
    sys.argv, code, output, errors = list(words), None, io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as end:
        code = end.code
    loaded = sorted({name.partition(".")[0] for name, module in sys.modules.items() if module})
    print(json.dumps([code, output.getvalue(), errors.getvalue(), loaded]))
"""


@dataclass(frozen=True)
class Answer:
    """Exit code, standard output and error of a command, and the top-level modules that are loaded after it."""

    code: int
    output: str
    errors: str
    loaded: set[str]


Answered = dict[tuple[str, ...], Answer]  # by the words of the command line


def answers(
    lines: Sequence[tuple[str, Sequence[str]]], environment: Mapping[str, str] | None = None, folder: Path = ROOT
) -> list[Answer]:
    """The answer to each command line: a module with `main`, and the words, of which the first is the command's name."""
    program = [sys.executable, "-c", PROGRAM, json.dumps(lines)]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=300)
    made = map(json.loads, done.stdout.splitlines())
    return [Answer(code or 0, output, errors, set(loaded)) for code, output, errors, loaded in made]
