"""`shm-train release`: turn the averaged weights of a finished run into those of the package, or of a folder."""

from pathlib import Path
from typing import Annotated

import typer

from engines.commands.options import ModelChoice, Overwrite
from engines.commands.running import UsageError, needs_extra
from engines.geometry import BASE
from engines.weights import FOLDER_VARIABLE, MANIFEST, PACKAGED
from train.commands.options import Data
from train.recipe import TASK_NAMES


def release(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder with mpn.pt, qun.pt and mrn.pt, or some of them.")],
    data: Data,
    on: Annotated[
        Path | None, typer.Option(help="Folder of another run, or `released`: where the networks come from that RUN lacks.")
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
      shm-train release runs/mine --data data --out my-weights
      shm-train release runs/mpn --data data --out my-weights --on released
      shm-train release runs/fine --data data --model large --overwrite
    """
    if (out / model / MANIFEST).exists() and not overwrite:
        raise UsageError(f"--out {out}: has weights of the {model} model already; give another folder, or --overwrite")
    if not data.is_dir():
        raise UsageError(f"--data {data}: no such folder; check the name")
    with needs_extra("train"):
        _release(run, data, on, out, model)
    print(f"released to {out / model}")
    if out.absolute() != PACKAGED:
        print(f"every command takes these weights where the variable {FOLDER_VARIABLE} names {out.absolute()}")


def sources(run: Path, on: Path | None) -> dict[str, Path]:
    """The run that each network comes from: `run`, or, if that lacks it, `on`. Raises UsageError if neither will do."""
    trained = [name for name in TASK_NAMES if (run / f"{name}.pt").exists()]
    lacking = [name for name in TASK_NAMES if name not in trained]
    if not trained:
        raise UsageError(f"{run}: has none of {', '.join(f'{name}.pt' for name in TASK_NAMES)}; name a folder of shm-train")
    if lacking and on is None:
        names = " and ".join(f"{name}.pt" for name in lacking)
        raise UsageError(f"{run}: has no {names}; name with --on another run that has, or --on released")
    if on is not None and not lacking:
        raise UsageError(f"--on {on}: {run} has all three networks; leave this option out")
    return {name: run if name in trained or on is None else on for name in TASK_NAMES}


def _release(run: Path, data: Path, on: Path | None, out: Path, model: str) -> None:
    from engines.graphs.export import export
    from engines.graphs.int8 import Activation
    from engines.networks import MPN, MRN, QUN, Networks
    from engines.weights import verified
    from train.data.library import open_library
    from train.learning.calibration import observe, scene_frames
    from train.learning.checkpoints import load_checkpoint
    from train.learning.progress import report
    from train.learning.runs import RELEASED, load_earlier, sizes_unlike

    origins = sources(run, on)
    library = open_library(data)
    kinds = {"mpn": MPN, "qun": QUN, "mrn": MRN}
    networks = Networks(**{name: load_earlier(kind, name, origins[name], model) for name, kind in kinds.items()})
    training, recipe = {}, None
    for name, origin in origins.items():
        if origin == RELEASED:
            training[name] = verified(model)["training"][name]
            continue
        state = load_checkpoint(origin / f"{name}.pt")
        training[name] = {"steps": state["step"], "hours": round(state["seconds"] / 3600, 2)}
        if origin == run:
            recipe = state["recipe"]  # of the last one
        if not state.get("finished", True):  # earlier versions did not store it
            report(f"note: {origin / name}.pt was stopped at step {state['step']}; the same shm-train command finishes it")
        if note := sizes_unlike(model, name, origin / f"{name}.pt"):
            report(f"note: {note}")
    about = {
        "dimensions": {name: network.dimensions for name, network in networks._asdict().items()},
        "training": training,
        "recipe": recipe,
    }
    report(", ".join(f"{name.upper()} of {origin}" for name, origin in origins.items()) + "; exporting takes a minute or two")

    def calibrate(folder: Path) -> dict[str, dict[str, Activation]]:
        return observe(scene_frames(library, model), folder, model, networks.mrn.detail_join.in_channels)

    export(networks, out / model, about, calibrate, model)
