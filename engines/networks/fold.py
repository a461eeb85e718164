"""Batch normalisation folded into convolutions, for inference."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class NormalisedConvolution(NamedTuple):
    """A convolution, and the batch normalisation right after it in a Sequential; their names in the network."""

    convolution: nn.Conv2d
    normalisation: nn.BatchNorm2d
    parent: nn.Sequential
    position: int  # of the convolution in it
    convolution_name: str
    normalisation_name: str


def normalised_convolutions(network: nn.Module) -> Iterator[NormalisedConvolution]:
    """Each convolution of a network that batch normalisation follows."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                first, second = module[index], module[index + 1]
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    yield NormalisedConvolution(first, second, module, index, f"{name}.{index}", f"{name}.{index + 1}")


def fold(network: nn.Module) -> nn.Module:
    """Fold, in place, each batch normalisation into the convolution before it in its Sequential; set eval mode."""
    network.eval()
    for each in list(normalised_convolutions(network)):
        each.parent[each.position] = fuse_conv_bn_eval(each.convolution, each.normalisation)
        each.parent[each.position + 1] = nn.Identity()
    return network
