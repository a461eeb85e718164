"""Batch normalisation folded into convolutions: what is left to do at inference."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Pair(NamedTuple):
    """A convolution, and the batch normalisation right behind it in a Sequential; their names in the network."""

    convolution: nn.Conv2d
    normalisation: nn.BatchNorm2d
    both: nn.Sequential
    place: int  # of the convolution in it
    convolution_name: str
    normalisation_name: str


def normalised(network: nn.Module) -> Iterator[Pair]:
    """Each convolution of a network that batch normalisation follows."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                first, second = module[index], module[index + 1]
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    yield Pair(first, second, module, index, f"{name}.{index}", f"{name}.{index + 1}")


def fold(network: nn.Module) -> nn.Module:
    """Folds, in place, each batch normalisation into the convolution before it in its Sequential; sets eval mode."""
    network.eval()
    for pair in list(normalised(network)):
        pair.both[pair.place] = fuse_conv_bn_eval(pair.convolution, pair.normalisation)
        pair.both[pair.place + 1] = nn.Identity()
    return network
