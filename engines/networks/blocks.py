"""The few building blocks that the three networks share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Convolution(nn.Sequential):
    """Convolution, batch normalisation and, unless `activation` is None, an activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
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


def blocks(image: Tensor) -> Tensor:
    """Pixels (N,C,H,W) to blocks of 2x2 (N,4C,H/2,W/2): rows, columns, channels, the order in which a frame's bytes lie.

    `F.pixel_unshuffle` has channels, rows, columns: a frame of bytes would have to be taken apart further for that.
    """
    n, c, h, w = image.shape
    return image.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def pixels(image: Tensor) -> Tensor:
    """The inverse of `blocks`: (N,4C,h,w) to (N,C,2h,2w)."""
    n, c, h, w = image.shape
    return image.view(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)
