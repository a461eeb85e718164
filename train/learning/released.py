"""Training that starts from the released weights: their folded batch normalisation, recovered from data."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from engines.backends.torch import released_networks
from engines.errors import DataError, WeightsError
from engines.geometry import MODELS, MPN_SIZES, model_of_size
from engines.networks.fold import normalised_convolutions
from train.data.library import Library
from train.learning.distributed import raise_on_all_ranks
from train.learning.progress import report
from train.learning.tasks import Task, to_floats
from train.recipe import TASK_NAMES, Recipe

BATCHES = 24  # enough for the mean and variance of every channel
FRAMES = 16  # of each, at most: they are drawn and seen by the CPU, also where a GPU trains on batches of a hundred


@torch.no_grad()
def unfold(network: nn.Module, folded: dict[str, Tensor], passes: Iterable[object]) -> None:
    """Load folded weights into a network with batch normalisation, so that it computes the same and can be trained.

    A folded convolution gives what its normalisation gave, so the normalisation has to be the identity on its inputs: its scale
    is their standard deviation, its shift their mean plus the folded bias. They are measured while `passes` is iterated: each
    item sends a batch through the network. Raises WeightsError if the weights belong to another network.
    """
    pairs = {pair.convolution_name: pair for pair in normalised_convolutions(network)}
    if not folded.keys() >= {f"{name}.bias" for name in pairs}:
        raise WeightsError("the released weights belong to another network; install the package again")
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
        raise WeightsError("the released weights belong to another network; install the package again") from error
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
        # The normalisation cancels a filter's length, but the optimiser's step does not: restore that of a new network.
        scale = (lengths[name] / convolution.weight.flatten(1).norm(dim=1)).nan_to_num(1).clamp(0.01, 100)  # some filters are 0
        convolution.weight.mul_(scale.view(-1, 1, 1, 1))
        normalisation.running_mean.copy_(scale * mean)  # type: ignore[union-attr]
        normalisation.running_var.copy_(scale.square() * variance)  # type: ignore[union-attr]
        normalisation.weight.copy_((scale.square() * variance + normalisation.eps).sqrt() / scale)
        normalisation.bias.add_(mean)


def other_size(recipe: Recipe, what: str = "the released weights were trained on") -> str | None:
    """A note if no released model sees frames at the recipe's resolutions. `what`: concerns frames of a model's."""
    model = model_of_size(recipe.low_resolution)
    for setting, (height, width), own in (
        ("low_resolution", MODELS[model], recipe.low_resolution),
        ("mpn_resolution", MPN_SIZES[model], recipe.seen),
    ):
        if own != (height, width):
            return f"{what} frames of {height}x{width} (height x width), and the recipe's {setting} is {own[0]}x{own[1]}"
    return None


def load_released(task: Task, library: Library, recipe: Recipe) -> None:
    """Load the released weights into the network of a task, ready to be trained.

    Raises WeightsError if they do not fit, DataError for a network that is not released.
    """
    if task.name not in TASK_NAMES:
        raise DataError(f"{task.name}: is not among the released networks; begin with a run that trained it")
    samples = task.samples(library, recipe, min(FRAMES, task.settings.batch), seed=-2)
    if not samples.groups:
        return  # the trainer raises, and says why
    report(f"{task.name}: measuring batch normalisation of the released weights on {BATCHES} batches")

    def passes() -> Iterator[object]:
        batches = iter(samples)
        for _ in range(BATCHES):
            with raise_on_all_ranks():
                batch = next(batches)
            yield task.losses(task.network, to_floats(batch))

    released = released_networks(model_of_size(recipe.low_resolution))._asdict()[task.name]
    unfold(task.network, released.state_dict(), passes())
