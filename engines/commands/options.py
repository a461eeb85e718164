"""The options of every command that runs an engine, each told once."""

from typing import Annotated

import typer

Backend = Annotated[str, typer.Option(help="What runs the networks: auto, tensorrt, tensorrt-rtx, torch or openvino.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; one per physical core unless told.")]
Model = Annotated[str, typer.Option(help="base, or large: finer mattes, for about a quarter more time.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")]
