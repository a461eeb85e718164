"""The few building blocks that the three networks share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SURE = 0.02  # a mask that is 0 or 1 counts as this far from it: its logit is finite, and a network can still change it


def logit(mask: Tensor) -> Tensor:
    """A mask in [0, 1] in units of the sigmoid's input: where a network is to correct a mask, it gives what to add to this."""
    return torch.logit(mask, SURE)


def _pair(number: int | tuple[int, int]) -> tuple[int, int]:
    return (number, number) if isinstance(number, int) else number


class Convolution(nn.Sequential):
    """Convolution, batch normalisation and, unless `activation` is None, an activation. Padded: H -> H / stride."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        (high, wide), (down, along) = _pair(kernel), _pair(stride)
        padding = ((high - down + 1) // 2, (wide - along + 1) // 2)
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, (high, wide), (down, along), padding, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        if activation is not None:
            layers.append(activation(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """Two dense 3x3 convolutions with a shortcut. Dense ones with few channels run near a CPU's peak; depthwise do not."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels)
        self.second = Convolution(channels, channels, activation=None)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.second(self.first(features)))


def upsample_to(features: Tensor, target: Tensor) -> Tensor:
    """Bilinear enlargement of (N,C,h,w) to the height and width of `target`."""
    return F.interpolate(features, size=target.shape[-2:], mode="bilinear", align_corners=False)


def join(features: Tensor, skip: Tensor) -> Tensor:
    """Features from below, enlarged to the size of the skip connection and stacked on it."""
    return torch.cat([upsample_to(features, skip), skip], dim=1)


def pairs(image: Tensor) -> Tensor:
    """Pixels (N,C,H,W) to pairs of neighbours in a row (N,2C,H,W/2): the left one's channels, then the right one's.

    So lie the bytes of a frame: as pairs they are read without being moved, where `F.pixel_unshuffle` has to take them apart.
    """
    n, c, h, w = image.shape
    return image.view(n, c, h, w // 2, 2).permute(0, 4, 1, 2, 3).reshape(n, 2 * c, h, w // 2)


def pixels(image: Tensor) -> Tensor:
    """The inverse of `pairs`: (N,2C,H,W/2) to (N,C,H,W)."""
    n, c, h, w = image.shape
    return image.view(n, 2, c // 2, h, w).permute(0, 2, 3, 4, 1).reshape(n, c // 2, h, 2 * w)


def interleaved(upper: Tensor, lower: Tensor) -> Tensor:
    """Rows of two images (N,C,H,W) in turn: (N,C,2H,W)."""
    return torch.stack((upper, lower), dim=3).flatten(2, 3)
