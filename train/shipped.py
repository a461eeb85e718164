"""Training that goes on from the weights that ship: their batch normalisation, folded away, measured again on data."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from engines import InputError
from engines.fold import fold
from engines.weights import FOLDER, SAFETENSORS, verified
from train.library import Library
from train.recipe import Recipe
from train.stages import Course, as_floats

Network = TypeVar("Network", bound=nn.Module)
BATCHES = 24  # enough for the means and variances of every channel


def released_tensors(name: str, folder: Path = FOLDER) -> dict[str, Tensor]:
    """The tensors of one network ("mpn", "qun" or "mrn") as it was released, float32, batch normalisation folded in.

    Raises InputError if a file of the release is missing or damaged.
    """
    verified(folder)
    with safe_open(folder / SAFETENSORS, framework="pt") as file:
        return {k.removeprefix(f"{name}."): file.get_tensor(k).float() for k in file.keys() if k.startswith(f"{name}.")}  # noqa: SIM118


def released_network(kind: type[Network], name: str) -> Network:
    """One network as it was released, batch normalisation folded in, for use by the stages after it. Raises InputError."""
    network = kind()
    fold(network).load_state_dict(released_tensors(name))
    return network.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _normalised(network: nn.Module) -> dict[str, tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution that batch normalisation follows, by its name."""
    pairs = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                first, second = module[index], module[index + 1]
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    pairs[f"{name}.{index}"] = (first, second)
    return pairs


@torch.no_grad()
def unfold(network: nn.Module, folded: dict[str, Tensor], passes: Iterable[object]) -> None:
    """Loads folded weights into a network that has its batch normalisation, so that it computes the same and can learn on.

    A folded convolution gives what its normalisation gave. So the normalisation has to undo itself: its scale is the standard
    deviation, its shift the mean plus the folded bias, of what it meets while `passes` is walked through: each step of it sends
    a batch through the network. Raises InputError if the weights are another network's.
    """
    pairs = _normalised(network)
    if not folded.keys() >= {f"{name}.bias" for name in pairs}:
        raise InputError("the weights that ship are another network's; install the package again")
    lengths = {name: convolution.weight.flatten(1).norm(dim=1) for name, (convolution, _) in pairs.items()}
    state = network.state_dict()
    for name, (_, normalisation) in pairs.items():
        index = int(name.rpartition(".")[2])
        prefix = f"{name.rpartition('.')[0]}.{index + 1}"
        bias = folded[f"{name}.bias"]
        state |= {
            f"{name}.weight": folded[f"{name}.weight"],
            f"{prefix}.weight": torch.full_like(bias, (1 + normalisation.eps) ** 0.5),
            f"{prefix}.bias": bias.clone(),
            f"{prefix}.running_mean": torch.zeros_like(bias),
            f"{prefix}.running_var": torch.ones_like(bias),
        }
    plain = {k: v for k, v in folded.items() if k.removesuffix(".weight").removesuffix(".bias") not in pairs}
    try:
        network.load_state_dict(state | plain)
    except RuntimeError as error:
        raise InputError("the weights that ship are another network's; install the package again") from error
    sums: dict[str, list[Tensor]] = {}

    def measure(name: str, output: Tensor) -> None:
        values = output.double()
        total = [values.mean((0, 2, 3)), values.square().mean((0, 2, 3)), torch.ones((), dtype=torch.float64)]
        sums[name] = [a + b for a, b in zip(sums[name], total, strict=True)] if name in sums else total

    hooks = [
        convolution.register_forward_hook(lambda _module, _inputs, output, name=name: measure(name, output))
        for name, (convolution, _) in pairs.items()
    ]
    network.eval()
    for _ in passes:
        pass
    for hook in hooks:
        hook.remove()
    for name, (convolution, normalisation) in pairs.items():
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
    """Puts the weights that ship into the network of a course, ready to learn on. Raises InputError if they do not fit."""
    samples = course.samples(library, recipe, course.settings.batch, seed=-2)
    if not samples.groups:
        return  # the trainer refuses, and says why

    def passes() -> Iterator[object]:
        for batch, _ in zip(samples, range(BATCHES), strict=False):
            yield course.losses(course.network, as_floats(batch))

    unfold(course.network, released_tensors(course.name), passes())
