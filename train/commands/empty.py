"""`shm-eval empty`: what a model makes of pictures with nobody in them."""

from typing import Annotated

import typer

from engines.commands.options import Model, Overwrite, Threads
from engines.commands.running import needs_extra
from engines.geometry import BASE
from train.commands.models import candidates_of, open_models
from train.commands.options import Adapters, ComparedPrecision, DataArgument, EngineOrNone, JsonFile, PeerPython, Peers
from train.commands.reports import check_report, progress_bar, write_report


def empty(
    data: DataArgument,
    share: Annotated[
        float, typer.Option(min=0.001, max=1, help="The share of each set of backgrounds, as a recipe holds it out.")
    ] = 0.1,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    model: Model = BASE,
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Mean alpha on the backgrounds that are held out from training, set by set: 0 is right.

    \b
    Examples:
      shm-eval empty data
      shm-eval empty data --model large --adapters adapters --peer rvm --json empty.json
    """
    with needs_extra("train"):
        from train.data.library import open_library
        from train.evaluation.empty import score_empty
        from train.evaluation.tables import empty_table, print_table

        check_report(json_file, overwrite=overwrite)
        pictures = open_library(data, validation_backgrounds=share).held_out().backgrounds
        with open_models(backend, threads, precision, model, adapters, peer or [], peer_python) as (engine, peers):
            candidates = candidates_of(engine, peers)
            with progress_bar("empty pictures", len(pictures) * len(candidates)) as advance:
                scores = score_empty(pictures, candidates, advance)
        for candidate, score in zip(candidates, scores, strict=True):
            print_table(empty_table(candidate, score))
    if json_file is not None:
        models = [
            {"model": candidate.name, "precision": candidate.precision, "mean alpha": score.alphas}
            for candidate, score in zip(candidates, scores, strict=True)
        ]
        write_report(json_file, {"share": share, "models": models})
