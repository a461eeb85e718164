"""`shm-train release`: turn the averaged weights of a finished run into those of the package."""

from pathlib import Path
from typing import Annotated

import typer

from engines.commands.options import ModelChoice, Overwrite
from engines.commands.running import UsageError, needs_extra
from engines.geometry import BASE
from engines.weights import FOLDER_VARIABLE, MANIFEST, PACKAGED
from train.commands.options import Data


def release(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder with mpn.pt, qun.pt and mrn.pt.")],
    data: Data,
    on: Annotated[
        Path | None, typer.Option(help="Folder of another run, or `released`: where MPN and QUN come from; by default RUN.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the models, in which this one gets its own.", show_default="the package's own")
    ] = PACKAGED,
    model: Annotated[ModelChoice, typer.Option(help="Which model the weights are of.")] = BASE,
    overwrite: Overwrite = False,
) -> None:
    """Export the averaged weights (safetensors), the graphs (ONNX) and the manifest of a finished run.

    They are those of the package, unless --out names another folder. Scenes of the training data show what range of numbers
    int8 has to cover. The model card is written by hand.

    \b
    Examples:
      shm-train release runs/mine --data data --overwrite
      shm-train release runs/fine --data data --model large --overwrite
      shm-train release runs/mrn --data data --on released --out my-weights
    """
    if (out / model / MANIFEST).exists() and not overwrite:
        raise UsageError(f"--out {out}: has weights of the {model} model already; give another folder, or --overwrite")
    if not data.is_dir():
        raise UsageError(f"--data {data}: no such folder")
    with needs_extra("train"):
        _release(run, data, on, out, model)
    print(f"released to {out / model}")
    if out.absolute() != PACKAGED:
        print(f"every command takes these weights where the variable {FOLDER_VARIABLE} names {out.absolute()}")


def _release(run: Path, data: Path, on: Path | None, out: Path, model: str = BASE) -> None:
    from engines.graphs.export import export
    from engines.graphs.int8 import Activation
    from engines.networks import MPN, MRN, QUN, Networks
    from engines.weights import verified
    from train.data.library import open_library
    from train.learning.calibration import observe, scene_frames
    from train.learning.checkpoints import load_checkpoint
    from train.learning.runs import RELEASED, load_earlier, load_frozen

    library = open_library(data)
    before = on or run
    mrn = load_checkpoint(run / "mrn.pt")
    mpn, qun = load_earlier(MPN, "mpn", before, model), load_earlier(QUN, "qun", before, model)
    networks = Networks(mpn, qun, load_frozen(MRN, run / "mrn.pt"))
    training = dict(verified(model)["training"]) if before == RELEASED else {}
    for name in Networks._fields:
        if name == "mrn" or before != RELEASED:
            state = mrn if name == "mrn" else load_checkpoint(before / f"{name}.pt")
            training[name] = {"steps": state["step"], "hours": round(state["seconds"] / 3600, 2)}
    about = {
        "dimensions": {name: network.dimensions for name, network in networks._asdict().items()},
        "training": training,
        "recipe": mrn["recipe"],
    }

    def calibrate(folder: Path) -> dict[str, dict[str, Activation]]:
        return observe(scene_frames(library, model), folder, model, networks.mrn.detail_join.in_channels)

    export(networks, out / model, about, calibrate, model)
