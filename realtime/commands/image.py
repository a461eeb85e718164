"""`shm-image`: cuts the people out of a photo, or out of every photo in a folder."""

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

import engines
from engines import Engine
from engines.commands.options import Backend, Model, Precision, Threads
from engines.commands.running import UsageError, run
from realtime.compositing.backgrounds import Background, Fit, open_background
from realtime.compositing.composite import check_light_wrap, composite
from realtime.compositing.filters import Kept, LightWrap
from realtime.compositing.subjects import Keep, Largest
from realtime.inputs.folders import do_each, folder_jobs, make_folder, open_photo
from realtime.inputs.photos import Photo, check_suffix, check_target, write_photo
from realtime.packet import Packet

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def image(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A photo, or a folder of photos.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The picture to write; a folder where IN is one.")],
    bg: Annotated[str | None, typer.Option(help="Put this behind: a picture, a video, a colour, or blur.")] = None,
    fit: Annotated[Fit, typer.Option(help="How a picture behind is brought to the photo's size.")] = "cover",
    keep: Kept = "all",
    light_wrap: LightWrap = 0.0,
    alpha_only: Annotated[bool, typer.Option("--alpha-only", help="Write the alpha matte itself, in grey.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", "-y", help="Replace files that exist.")] = False,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
) -> None:
    """Cut the people out of a photo: colours without the old background, and alpha.

    Without --bg, OUT is a PNG (or WebP, TIFF) with straight alpha. With --bg, it is the finished picture.

    [bold]Examples[/bold]

      shm-image portrait.jpg portrait.png

      shm-image portrait.jpg out.jpg --bg beach.jpg

      shm-image portrait.jpg out.jpg --bg blur

      shm-image photos/ cut-outs/
    """
    if alpha_only and bg is not None:
        raise UsageError("--alpha-only and --bg exclude each other; leave one of them out")
    folder = source.is_dir()
    jobs = folder_jobs(source, target, ".png" if bg is None else ".jpg") if folder else [(source, target)]
    with ExitStack() as stack:
        # All that can be wrong with the input is told before the engine is made ready, and before anything is written.
        check_light_wrap(light_wrap)
        first = None if folder else open_photo(source)
        background = None if bg is None else stack.enter_context(open_background(bg, fit=fit))
        if folder:
            make_folder(target)
        for photo, picture in jobs:
            check_suffix(picture, alpha=bg is None and not alpha_only)
            if picture.exists() and any(own.exists() and picture.samefile(own) for own in (photo, Path(bg or photo))):
                raise UsageError(f"{picture}: is a picture that is read, too; name another file to write")
            check_target(picture, overwrite=overwrite)
        engine = stack.enter_context(closing(engines.load(backend, threads=threads, precision=precision, model=model)))
        editor = Editor(engine, background, alpha_only, keep, light_wrap)
        if first is None:
            edit_folder(editor, jobs)
        else:
            console.print(editor.edit(first, target), markup=False)


@dataclass(frozen=True, slots=True)
class Editor:
    """Does with photos what the command was asked for."""

    engine: Engine
    background: Background | None
    alpha_only: bool
    keep: Keep = "all"
    light_wrap: float = 0.0

    def edit(self, photo: Photo, target: Path) -> str:
        """Writes the picture of one photo; says what was done, in one line. Raises UsageError where it cannot be written."""
        start = time.perf_counter()
        packet = Packet(photo.flat(), Fraction(0), 0)
        matte = packet.matte = self.engine(packet.frame)
        if photo.alpha is not None:  # what was clear before stays clear
            matte = packet.matte = replace(matte, alpha=np.minimum(matte.alpha, photo.alpha))
        if self.keep == "largest":
            Largest()(packet)
            matte = packet.matte
        seconds = time.perf_counter() - start
        if self.alpha_only:
            write_photo(target, np.rint(matte.alpha * 255).astype(np.uint8))
        elif self.background is None:
            write_photo(target, matte.foreground, matte.alpha)
        else:
            write_photo(target, composite(packet, self.background.frame(packet), light_wrap=self.light_wrap))
        height, width = matte.alpha.shape
        engine = self.engine
        return f"{target}: {width}x{height}, matte in {seconds:.2f} s ({engine.name} {engine.precision}, {engine.device})"


def edit_folder(editor: Editor, jobs: list[tuple[Path, Path]]) -> None:
    """Does one photo after the other. A bad one is reported and the rest goes on; at the end UsageError says how many."""
    if bad := do_each(jobs, lambda photo, target: editor.edit(open_photo(photo), target), "photos"):
        raise UsageError(f"{bad} of {len(jobs)} photos could not be done; see the lines above")
    engine = editor.engine
    console.print(f"{len(jobs)} pictures written ({engine.name} {engine.precision}, {engine.device})", markup=False)


def main() -> None:
    """The command `shm-image`."""
    run(app)


if __name__ == "__main__":
    main()
