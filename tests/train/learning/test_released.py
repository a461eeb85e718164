"""Training from the released weights: folded normalisation is recovered, and the network still computes the same."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from engines.errors import WeightsError
from engines.networks import MRN, QUN
from engines.networks.fold import fold
from train.data.library import Library
from train.learning.released import BATCHES, FRAMES, load_released, unfold
from train.learning.runs import make_task
from train.recipe import Recipe


def trained(network: nn.Module) -> nn.Module:
    """A network as after training: its normalisation has statistics, and scales and shifts other than 1 and 0."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -2, 2)
            nn.init.normal_(module.bias)
    network.train()
    for seed in range(20):
        network(*inputs(seed))
    return network.eval()


def inputs(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(4, 3, 32, 48, generator=generator), torch.rand(4, 1, 32, 48, generator=generator)


@torch.no_grad()
def test_an_unfolded_network_computes_what_the_folded_one_did_and_is_normalised_by_its_data() -> None:
    torch.manual_seed(0)
    original = trained(QUN())
    expected = original(*inputs(100))
    folded = fold(original).state_dict()
    network = QUN()
    new = {name: value.clone() for name, value in network.state_dict().items()}

    def passes() -> Iterator[object]:
        for seed in range(20):
            yield network(*inputs(seed))

    unfold(network, folded, passes())
    torch.testing.assert_close(network(*inputs(100)), expected, atol=1e-4, rtol=0)
    batch = tuple(torch.cat(several) for several in zip(*map(inputs, range(20)), strict=True))
    torch.testing.assert_close(network.train()(*batch), network.eval()(*batch), atol=2e-3, rtol=0)
    first = "down2.0.weight"
    torch.testing.assert_close(network.state_dict()[first].flatten(1).norm(dim=1), new[first].flatten(1).norm(dim=1))


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="another network"):
        unfold(MRN(), fold(QUN()).state_dict(), ())


def test_few_frames_of_a_large_batch_are_seen(library: Library, recipe: Recipe, tmp_path: Path) -> None:
    large = replace(recipe, mpn=replace(recipe.mpn, batch=100))
    task = make_task("mpn", large, tmp_path, pretrained=False)
    seen: list[int] = []
    task.network.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    load_released(task, library, large)
    assert seen == [FRAMES] * BATCHES
