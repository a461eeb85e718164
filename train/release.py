"""`python -m train.release RUN`: the averaged weights of a finished run become what the package ships."""

from pathlib import Path
from typing import Annotated

import typer

import engines.errors
from engines.export import export
from engines.networks import MPN, MRN, QUN, Networks
from engines.weights import FOLDER
from train.cli import frozen
from train.trainer import load_checkpoint

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command(epilog="Examples:\n\n`python -m train.release runs/first`")
def release(
    run: Annotated[Path, typer.Argument(help="Folder with mpn.pt, qun.pt and mrn.pt.")],
    out: Annotated[Path, typer.Option(help="Where the weights, the graphs and the manifest go.")] = FOLDER,
) -> None:
    """Exports the weights (safetensors), the three graphs (ONNX) and the manifest. The model card is written by hand."""
    networks = Networks(frozen(MPN, run / "mpn.pt"), frozen(QUN, run / "qun.pt"), frozen(MRN, run / "mrn.pt"))
    states = {name: load_checkpoint(run / f"{name}.pt") for name in Networks._fields}
    about = {
        "dimensions": {name: network.dimensions for name, network in networks._asdict().items()},
        "training": {name: {"steps": s["step"], "hours": round(s["seconds"] / 3600, 2)} for name, s in states.items()},
        "recipe": states["mrn"]["recipe"],
    }
    export(networks, out, about)
    print(f"released to {out}")


def main() -> None:
    """Runs the command."""
    engines.errors.run(app)


if __name__ == "__main__":
    main()
