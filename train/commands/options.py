"""The options of every command that compares with peers, each told once."""

from pathlib import Path
from typing import Annotated

import typer

Adapters = Annotated[Path | None, typer.Option(help="Folder of peers' adapters: modules with load() -> f(rgb) -> alpha.")]
Peers = Annotated[list[str] | None, typer.Option("--peer", help="An adapter to compare with; may be given again.")]
PeerPython = Annotated[Path | None, typer.Option(help="Interpreter that has what the adapters need.")]
EngineOrNone = Annotated[str, typer.Option(help="Engine: auto, openvino or torch; none takes peers only.")]
ComparedPrecision = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16; peers: bf16 if the engine is, else fp32.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write every figure to this file.")]
