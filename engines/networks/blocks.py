"""The few building blocks that the three networks share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLIP = 0.02  # masks are clipped to [CLIP, 1 - CLIP]: logits stay finite, and a network can still change them


def logit(mask: Tensor) -> Tensor:
    """The logit of a mask in [0, 1]: a network that corrects a mask outputs what to add to it."""
    return torch.logit(mask, CLIP)


def _both(number: int | tuple[int, int]) -> tuple[int, int]:
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
        padded: bool = True,
    ) -> None:
        (high, wide), (down, along) = _both(kernel), _both(stride)
        padding = ((high - down + 1) // 2, (wide - along + 1) // 2) if padded else 0
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


def at_windows(features: Tensor, windows: Tensor, size: tuple[int, int]) -> Tensor:
    """Windows (N,4) of features (N,C,h,w), x0, y0, x1, y1 in unit coordinates, resized bilinearly to `size`."""
    x0, y0, x1, y1 = windows.unbind(1)
    rows = torch.zeros(len(features), 2, 3, device=windows.device, dtype=windows.dtype)
    rows[:, 0, 0], rows[:, 0, 2] = x1 - x0, x0 + x1 - 1
    rows[:, 1, 1], rows[:, 1, 2] = y1 - y0, y0 + y1 - 1
    grid = F.affine_grid(rows, [len(features), features.shape[1], *size], align_corners=False)
    return F.grid_sample(features, grid.to(features.dtype), padding_mode="border", align_corners=False)


def join(features: Tensor, skip: Tensor) -> Tensor:
    """Features enlarged to the size of a skip connection, and concatenated with it."""
    return torch.cat([upsample_to(features, skip), skip], dim=1)


def pixel_pairs(image: Tensor) -> Tensor:
    """Pixels (N,C,H,W) to pairs of neighbours in a row (N,2C,H,W/2): the left one's channels, then the right one's.

    This is the memory layout of a frame: pairs are read without moving bytes, where `F.pixel_unshuffle` has to reorder them.
    """
    n, c, h, w = image.shape
    return image.view(n, c, h, w // 2, 2).permute(0, 4, 1, 2, 3).reshape(n, 2 * c, h, w // 2)


def from_pixel_pairs(image: Tensor) -> Tensor:
    """The inverse of `pixel_pairs`: (N,2C,H,W/2) to (N,C,H,W)."""
    n, c, h, w = image.shape
    return image.view(n, 2, c // 2, h, w).permute(0, 2, 3, 4, 1).reshape(n, c // 2, h, 2 * w)


def interleave_rows(upper: Tensor, lower: Tensor) -> Tensor:
    """Alternate the rows of two images (N,C,H,W): (N,C,2H,W)."""
    return torch.stack((upper, lower), dim=3).flatten(2, 3)
