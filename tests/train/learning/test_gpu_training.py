"""Training on a CUDA GPU: samples rendered there, bf16 by autocast."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from train.data.library import Library
from train.learning.checkpoints import load_checkpoint
from train.learning.runs import make_task
from train.learning.trainer import Trainer
from train.recipe import Recipe, TaskSettings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA GPU"),
]


def test_each_network_is_trained(library: Library, tmp_path: Path) -> None:
    cut_outs = tuple(subject for subject in library.subjects if subject.cutout)  # whose colours need no estimator
    some = replace(library, subjects=cut_outs)
    settings = TaskSettings(steps=3, batch=4, warm_up=1, crop=(64, 48), cross_entropy=0.4, laplacian=0.3)
    recipe = Recipe(
        low_resolution=(64, 32), second_resolution=(32, 32), validation=0.0, props=0.5, mpn=settings, qun=settings, mrn=settings
    )
    for name in ("mpn", "qun", "mrn"):
        task = make_task(name, recipe, tmp_path, pretrained=False)
        trainer = Trainer(task, some, recipe, tmp_path, workers=0)
        assert trainer.run()
        assert trainer.precision == "bf16"
        before = make_task(name, recipe, tmp_path, pretrained=False).network.state_dict()
        after = load_checkpoint(tmp_path / f"{name}.pt")["network"]
        assert all(torch.isfinite(value).all() for value in after.values())
        assert any(not torch.equal(after[key].cpu(), value) for key, value in before.items())
