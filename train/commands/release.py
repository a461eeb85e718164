"""`python -m train.commands.release RUN`: the averaged weights of a finished run become what the package ships."""

from pathlib import Path
from typing import Annotated

import typer

import engines.commands.running
from engines.graphs.export import export
from engines.networks import MPN, MRN, QUN, Networks
from engines.weights import FOLDER, verified
from train.learning.checkpoints import load_checkpoint
from train.learning.runs import RELEASED, earlier, frozen

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command(
    epilog="Examples:\n\n`python -m train.commands.release runs/first`\n\n"
    "`python -m train.commands.release runs/fourth --on released` changes MRN alone."
)
def release(
    run: Annotated[Path, typer.Argument(help="Folder with mpn.pt, qun.pt and mrn.pt.")],
    on: Annotated[Path | None, typer.Option(help="As in shm-train: where MPN and QUN are from, if not from the run.")] = None,
    out: Annotated[Path, typer.Option(help="Where the weights, the graphs and the manifest go.")] = FOLDER,
) -> None:
    """Exports the weights (safetensors), the three graphs (ONNX) and the manifest. The model card is written by hand."""
    before = on or run
    mrn = load_checkpoint(run / "mrn.pt")
    networks = Networks(earlier(MPN, "mpn", before), earlier(QUN, "qun", before), frozen(MRN, run / "mrn.pt"))
    training = dict(verified()["training"]) if before == RELEASED else {}
    for name in Networks._fields:
        if name == "mrn" or before != RELEASED:
            state = mrn if name == "mrn" else load_checkpoint(before / f"{name}.pt")
            training[name] = {"steps": state["step"], "hours": round(state["seconds"] / 3600, 2)}
    about = {
        "dimensions": {name: network.dimensions for name, network in networks._asdict().items()},
        "training": training,
        "recipe": mrn["recipe"],
    }
    export(networks, out, about)
    print(f"released to {out}")


def main() -> None:
    """Runs the command."""
    engines.commands.running.run(app)


if __name__ == "__main__":
    main()
