"""Training that goes on from the weights that ship: their batch normalisation, folded away, measured again on data."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from engines.backends.torch import released_networks
from engines.errors import DataError
from engines.networks.fold import normalised
from train.data.library import Library
from train.learning.stages import Course, as_floats
from train.recipe import Recipe

BATCHES = 24  # enough for the means and variances of every channel


@torch.no_grad()
def unfold(network: nn.Module, folded: dict[str, Tensor], passes: Iterable[object]) -> None:
    """Loads folded weights into a network that has its batch normalisation, so that it computes the same and can learn on.

    A folded convolution gives what its normalisation gave. So the normalisation has to undo itself: its scale is the standard
    deviation, its shift the mean plus the folded bias, of what it meets while `passes` is walked through: each step of it sends
    a batch through the network. Raises DataError if the weights are another network's.
    """
    pairs = {pair.convolution_name: pair for pair in normalised(network)}
    if not folded.keys() >= {f"{name}.bias" for name in pairs}:
        raise DataError("the weights that ship are another network's; install the package again")
    lengths = {name: pair.convolution.weight.flatten(1).norm(dim=1) for name, pair in pairs.items()}
    state = network.state_dict()
    for name, pair in pairs.items():
        behind, bias = pair.normalisation_name, folded[f"{name}.bias"]
        state |= {
            f"{name}.weight": folded[f"{name}.weight"],
            f"{behind}.weight": torch.full_like(bias, (1 + pair.normalisation.eps) ** 0.5),
            f"{behind}.bias": bias.clone(),
            f"{behind}.running_mean": torch.zeros_like(bias),
            f"{behind}.running_var": torch.ones_like(bias),
        }
    plain = {k: v for k, v in folded.items() if k.removesuffix(".weight").removesuffix(".bias") not in pairs}
    try:
        network.load_state_dict(state | plain)
    except RuntimeError as error:
        raise DataError("the weights that ship are another network's; install the package again") from error
    sums: dict[str, list[Tensor]] = {}

    def measure(name: str, output: Tensor) -> None:
        values = output.double()
        total = [values.mean((0, 2, 3)), values.square().mean((0, 2, 3)), torch.ones((), dtype=torch.float64)]
        sums[name] = [a + b for a, b in zip(sums[name], total, strict=True)] if name in sums else total

    hooks = [
        pair.convolution.register_forward_hook(lambda _module, _inputs, output, name=name: measure(name, output))
        for name, pair in pairs.items()
    ]
    network.eval()
    for _ in passes:
        pass
    for hook in hooks:
        hook.remove()
    for name, pair in pairs.items():
        convolution, normalisation = pair.convolution, pair.normalisation
        mean, square, count = sums[name]
        mean, variance = mean / count, (square / count - (mean / count).square()).clamp(min=0)
        # To the normalisation the size of a filter is all one, to the optimiser it is not: as long as it was when new.
        scale = (lengths[name] / convolution.weight.flatten(1).norm(dim=1)).nan_to_num(1).clamp(0.01, 100)  # some filters are 0
        convolution.weight.mul_(scale.view(-1, 1, 1, 1))
        normalisation.running_mean.copy_(scale * mean)  # type: ignore[union-attr]
        normalisation.running_var.copy_(scale.square() * variance)  # type: ignore[union-attr]
        normalisation.weight.copy_((scale.square() * variance + normalisation.eps).sqrt() / scale)
        normalisation.bias.add_(mean)


def begin_with_released(course: Course, library: Library, recipe: Recipe) -> None:
    """Puts the weights that ship into the network of a course, ready to learn on. Raises DataError if they do not fit."""
    samples = course.samples(library, recipe, course.settings.batch, seed=-2)
    if not samples.groups:
        return  # the trainer refuses, and says why

    def passes() -> Iterator[object]:
        for batch, _ in zip(samples, range(BATCHES), strict=False):
            yield course.losses(course.network, as_floats(batch))

    unfold(course.network, released_networks()._asdict()[course.name].state_dict(), passes())
