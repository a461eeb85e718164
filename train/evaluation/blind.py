"""`python -m train.evaluation.blind`: pairs of mattes to judge with nobody knowing whose is whose, and the count of the votes.

For pictures of strangers there is no truth to measure by; what is left is to look. A look that knows the maker sees what it
expects, so here it does not know.
"""

import json
import math
import random
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engines import Frame, Mask
from engines.commands.options import Model, Threads
from engines.commands.running import run
from engines.errors import DataError
from train.commands.evaluate import progress_bar
from train.commands.options import Adapters, ComparedPrecision, PeerPython
from train.evaluation.peers import open_models
from train.evaluation.pictures import filled, grey, on_green, panel, write_picture
from train.evaluation.scores import Prediction, pictures_in, read_frame

KEY = "key.json"  # which side was ours, by the pair's number; not to be opened before the votes are in
VOTES = "votes.txt"
CHOICES = ("left", "right", "same")
PAIRS_A_SHEET = 3
GAP = 6  # pixels, below each

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


def pair(number: int, frame: Frame, left: Mask, right: Mask) -> Frame:
    """One row of a sheet: the picture, then each matte as the picture on green, then each alpha."""
    panels = [panel(f"{number}", frame)]
    for side, alpha in (("left", left), ("right", right)):
        panels.append(panel(side, on_green(frame, Prediction(alpha, math.nan))))
    panels += [panel(side, grey(alpha)) for side, alpha in (("left", left), ("right", right))]
    return np.hstack(panels)


def sheet(rows: list[Frame]) -> Frame:
    """Rows below each other, each filled up to the widest with white."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([filled(row, row.shape[0] + GAP, width) for row in rows])


def wilson(won: float, votes: int) -> tuple[float, float]:
    """The interval in which the true share lies with 95 %, after `won` of `votes` (Wilson 1927)."""
    z, share = 1.96, won / votes
    middle = (share + z * z / (2 * votes)) / (1 + z * z / votes)
    reach = z / (1 + z * z / votes) * math.sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes))
    return middle - reach, middle + reach


@app.command()
def draw(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    out: Annotated[Path, typer.Option(help="A new folder for the sheets, the key and an empty ballot.")],
    adapters: Adapters = None,
    peer: Annotated[str, typer.Option(help="The adapter to compare with.")] = "rvm",
    peer_python: PeerPython = None,
    precision: ComparedPrecision = "fp32",
    model: Model = "base",
    threads: Threads = None,
    count: Annotated[int, typer.Option(min=1, help="Pairs, drawn from the pictures.")] = 50,
    seed: Annotated[int, typer.Option(help="Another draw for another seed.")] = 1,
) -> None:
    """Draws pictures and writes sheets of pairs: ours and the peer's, left and right by chance.

    Look at the sheets, write a vote for each number into votes.txt (left, right or same), and only then type `count`.

    [bold]Example[/bold]

      python -m train.evaluation.blind draw photos --out blind --adapters adapters --peer rvm
    """
    if out.exists():
        raise DataError(f"--out {out}: is there already; name a new folder")
    found = sorted({file for path in pictures for file in _files(path)})
    dice = random.Random(seed)
    chosen = dice.sample(found, min(count, len(found)))
    key: dict[str, str] = {}
    rows: list[Frame] = []
    with open_models("auto", threads, precision, model, adapters, [peer], peer_python) as (engine, peers):
        assert engine is not None
        out.mkdir(parents=True)
        with progress_bar(out.name, len(chosen)) as advance:
            for number, path in enumerate(chosen, 1):
                frame = read_frame(path)
                both = [engine(frame).alpha, peers[0](frame)]
                ours = dice.choice(CHOICES[:2])
                key[str(number)] = ours
                rows.append(pair(number, frame, *(both if ours == "left" else both[::-1])))
                if len(rows) == PAIRS_A_SHEET or number == len(chosen):
                    write_picture(out / f"sheet-{math.ceil(number / PAIRS_A_SHEET):02d}.jpg", sheet(rows))
                    rows.clear()
                advance()
    (out / VOTES).write_text("".join(f"{number} \n" for number in key), encoding="utf-8")
    pictures_by_number = {str(number): path.name for number, path in enumerate(chosen, 1)}
    text = json.dumps({"ours": key, "peer": peer, "pictures": pictures_by_number}, indent=2)
    (out / KEY).write_text(text + "\n", encoding="utf-8")
    print(f"{len(chosen)} pairs in {out}; write left, right or same behind each number in {out / VOTES}")


@app.command()
def count(folder: Annotated[Path, typer.Argument(help="The folder of `draw`, its votes.txt filled in.")]) -> None:
    """Counts the votes: how often ours was better, as good, and worse.

    [bold]Example[/bold]

      python -m train.evaluation.blind count blind
    """
    try:
        key = json.loads((folder / KEY).read_text(encoding="utf-8"))
        lines = (folder / VOTES).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder}: holds no {KEY} and {VOTES} of `draw`") from error
    votes = dict(line.split(maxsplit=1) for line in lines if len(line.split()) > 1)
    for number, vote in votes.items():
        if number not in key["ours"] or vote.strip() not in CHOICES:
            raise DataError(f"{folder / VOTES}: '{number} {vote.strip()}' is no vote; write left, right or same")
    if missing := [number for number in key["ours"] if number not in votes]:
        raise DataError(f"{folder / VOTES}: no vote for {', '.join(missing)}")
    better = [n for n, vote in votes.items() if vote.strip() == key["ours"][n]]
    same = [n for n, vote in votes.items() if vote.strip() == "same"]
    worse = [n for n in votes if n not in better and n not in same]
    low, high = wilson(len(better) + len(same), len(votes))
    print(f"ours against {key['peer']}: better {len(better)}, same {len(same)}, worse {len(worse)}, of {len(votes)}")
    print(f"at least as good: {(len(better) + len(same)) / len(votes):.0%} (95 %: {low:.0%} to {high:.0%})")
    names = [f"{number} ({key['pictures'][number]})" for number in worse]
    print(f"worse: {', '.join(names) or 'none'}")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = pictures_in(path)
        if not files:
            raise DataError(f"{path}: holds no pictures")
        return files
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    return [path]


def main() -> None:
    """Runs the command."""
    run(app)


if __name__ == "__main__":
    main()
