"""What JPEG does to a picture, on a device: blocks of 8x8 pixels, 4:2:0, the tables that libjpeg scales by quality."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

# Annex K of ITU-T T.81, in rows.
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
TO_RGB = ((1, 0, 1.402), (1, -0.344136, -0.714136), (1, 1.772, 0))


@cache
def _cosines(device: torch.device) -> Tensor:
    """The matrix (8, 8) of the discrete cosine transform."""
    rows = [
        [math.cos((2 * place + 1) * number * math.pi / 16) * (math.sqrt(1 / 8) if number == 0 else 0.5) for place in range(8)]
        for number in range(8)
    ]
    return torch.tensor(rows, device=device)


def _tables(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Steps (N, 1, 1, 1, 8, 8) for qualities (N,) from 1 to 100."""
    scale = torch.where(quality < 50, 5000 // quality.clamp(min=1), 200 - 2 * quality).view(-1, 1, 1).float()
    steps = ((torch.tensor(table, device=quality.device) * scale + 50) / 100).floor().clamp(1, 255)
    return steps[:, None, None, None]


def _coded(plane: Tensor, steps: Tensor) -> Tensor:
    """A plane (N, C, h, w), sides multiples of 8, centred on 0, after its coefficients were rounded to `steps`."""
    n, c, h, w = plane.shape
    blocks = plane.view(n, c, h // 8, 8, w // 8, 8).transpose(3, 4)
    cosines = _cosines(plane.device)
    coefficients = (cosines @ blocks @ cosines.T / steps).round() * steps
    return (cosines.T @ coefficients @ cosines).transpose(3, 4).reshape(n, c, h, w)


def compress(pictures: Tensor, quality: Tensor) -> Tensor:
    """Pictures float32 (N, 3, h, w), RGB in [0, 255], as JPEG of those qualities (N,) gives them back."""
    h, w = pictures.shape[-2:]
    padded = F.pad(pictures, (0, -w % 16, 0, -h % 16), mode="replicate")
    ycc = torch.einsum("ij,njhw->nihw", torch.tensor(TO_YCC, device=pictures.device), padded)
    luma = _coded(ycc[:, :1] - 128, _tables(LUMINANCE, quality)) + 128
    chroma = _coded(F.avg_pool2d(ycc[:, 1:], 2), _tables(CHROMINANCE, quality))
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    rgb = torch.einsum("ij,njhw->nihw", torch.tensor(TO_RGB, device=pictures.device), torch.cat([luma, chroma], dim=1))
    return rgb[..., :h, :w].clamp(0, 255)
