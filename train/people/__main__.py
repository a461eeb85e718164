"""`python -m train.people OUT`: a set of synthetic people with exact alpha, as `shm-train` reads fine sets.

    OUT/1-00000.webp ...   cut-outs: RGBA, straight colours
    OUT/1-00000.json ...   what each was drawn from, to look up or to draw again with --person

The same arguments give the same people. What is there is not drawn again.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from engines import InputError
from engines.errors import run
from train.evaluate import progress_bar
from train.in_place import in_place
from train.people.body import check_installed
from train.people.casting import cast
from train.people.person import Person
from train.people.renderer import Renderer, on_checks
from train.people.stage import stage

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
SEEDS = 1_000_000  # people that a seed has


@app.command()
def people(
    out: Annotated[Path, typer.Argument(help="Folder of the set; made if there is none. Pictures that are there stay.")],
    count: Annotated[int, typer.Option(min=1, max=SEEDS, help="How many people.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Other people for another seed.")] = 1,
    person: Annotated[
        list[Path] | None, typer.Option(help="Draw the person of this JSON file instead of new ones; may be repeated.")
    ] = None,
    blender_python: Annotated[
        Path, typer.Option(help="The python that has bpy: Blender is a tool that runs in a process of its own.")
    ] = Path(sys.executable),
    samples: Annotated[int, typer.Option(min=1, help="Samples of a pixel's colour at most; it is denoised.")] = 16,
    alpha_samples: Annotated[int, typer.Option(min=16, help="Samples of a pixel's alpha at most; it is not.")] = 128,
    scale: Annotated[float, typer.Option(min=0.1, max=4, help="Of the pictures' size; at 1 they are 704 or 768 high.")] = 1.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the renderer.  [dim]all processors[/dim]")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Also write a picture (JPEG) with up to 24 of them side by side.")] = None,
) -> None:
    """Renders people with exact alpha: hair of all kinds above all, which true mattes are short of.

    Put OUT beside the other fine sets, as data/train/fine/NAME, and shm-train draws from it. Rendering needs bpy (0.4 GB)
    in some Python 3.11: make one with python3.11 -m venv blender, then blender/bin/pip install bpy==5.0.1.

    [bold]Examples[/bold]

      python -m train.people data/train/fine/cutouts_synthetic --blender-python blender/bin/python

      python -m train.people people --count 24 --scale 0.5 --sheet people.jpg --blender-python blender/bin/python
    """
    if sheet is not None and (sheet.is_dir() or not sheet.absolute().parent.is_dir()):
        raise InputError(f"--sheet {sheet}: is a folder, or its folder does not exist")
    check_installed()
    wanted = dict(_read(person) if person else _drawn(seed, count))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot make this folder: {error.strerror}") from error
    missing = [name for name in wanted if not (out / f"{name}.webp").exists()]
    if missing:
        with closing(Renderer(blender_python)) as renderer, progress_bar(out.name, len(wanted)) as advance:
            for name, someone in wanted.items():
                if name in missing:
                    scene = stage(someone, samples, alpha_samples, threads or os.cpu_count() or 1, scale)
                    write(out / name, renderer(scene), someone)
                advance()
    if sheet is not None:
        _write(sheet, _encoded(contact_sheet([out / f"{name}.webp" for name in list(wanted)[:24]]), ".jpg", 85))
    print(f"{len(wanted)} people in {out}: {len(missing)} drawn, {len(wanted) - len(missing)} were there", file=sys.stderr)


def _drawn(seed: int, count: int) -> Iterator[tuple[str, Person]]:
    return ((f"{seed}-{number:05d}", cast(seed * SEEDS + number)) for number in range(count))


def _read(files: Sequence[Path]) -> Iterator[tuple[str, Person]]:
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--person {path}: cannot be read; name a JSON file that this command wrote") from error
        try:
            yield path.stem, Person.from_json(text)
        except InputError as error:
            raise InputError(f"--person {path}: {error}") from error


def write(stem: Path, rgba: NDArray[np.uint8], person: Person) -> None:
    """Writes STEM.json, then STEM.webp, each of which appears when it is complete. Alpha is kept exactly."""
    _write(stem.with_name(f"{stem.name}.json"), (person.to_json() + "\n").encode())
    picture = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8)
    _write(stem.with_name(f"{stem.name}.webp"), _encoded(picture, ".webp", 95))


def contact_sheet(pictures: Sequence[Path], height: int = 200, columns: int = 8) -> NDArray[np.uint8]:
    """Cut-outs side by side on a chessboard, BGR uint8."""
    cells = []
    for path in pictures:
        bgra = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if bgra is None or bgra.ndim != 3 or bgra.shape[2] != 4:
            raise InputError(f"{path}: cannot be read as a cut-out; remove it, and it is drawn again")
        seen = on_checks(np.asarray(bgra, np.uint8))
        size = (round(height * seen.shape[1] / seen.shape[0]), height)
        small = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.uint8)
        wide = round(height * 0.9)
        aside = max(0, small.shape[1] - wide) // 2
        small = small[:, aside : aside + wide]
        cells.append(np.pad(small, ((0, 0), (0, wide - small.shape[1]), (0, 0))))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % min(columns, len(cells)))
    columns = min(columns, len(cells))
    return np.vstack([np.hstack(cells[row : row + columns]) for row in range(0, len(cells), columns)])


def _encoded(picture: NDArray[np.uint8], suffix: str, quality: int) -> bytes:
    flag = cv2.IMWRITE_WEBP_QUALITY if suffix == ".webp" else cv2.IMWRITE_JPEG_QUALITY
    return cv2.imencode(suffix, picture, [flag, quality])[1].tobytes()


def _write(path: Path, data: bytes) -> None:
    try:
        with in_place(path) as beside:
            beside.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def main() -> None:
    """Runs the command."""
    run(app)


if __name__ == "__main__":
    main()
