"""The options of the commands that train, and of those that compare our engine with peers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engines.backends import BACKEND_NAMES, PRECISIONS

if TYPE_CHECKING:
    EngineChoice = str
    PrecisionChoice = str
else:  # the choices that --help shows and typer checks, made from the tables
    EngineChoice, PrecisionChoice = Literal[(*BACKEND_NAMES, "none")], Literal[PRECISIONS]

DATA = "Folder with fine/, coarse/ and backgrounds/ (or train/ with these in it)."
Data = Annotated[Path, typer.Option(help=DATA)]
DataArgument = Annotated[Path, typer.Argument(metavar="DATA", help=DATA)]
Sets = Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders with images/ and alphas/ or masks/.")]
Adapters = Annotated[Path | None, typer.Option(help="Folder of peers' adapters: modules with load() -> f(rgb) -> alpha.")]
Peers = Annotated[list[str] | None, typer.Option("--peer", help="An adapter to compare with; may be repeated.")]
PeerPython = Annotated[Path | None, typer.Option(help="Python interpreter that has what the adapters need.")]
EngineOrNone = Annotated[EngineChoice, typer.Option("--backend", help="What runs our networks; none: peers only.")]
ComparedPrecision = Annotated[PrecisionChoice, typer.Option(help="Our number format; peers: bf16 if ours is, else fp32.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write every figure to this file.")]
