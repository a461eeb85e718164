"""Polygons filled on a device."""

import torch
from torch import Tensor


def fill(outlines: Tensor, size: tuple[int, int]) -> Tensor:
    """How much of each pixel is inside of polygons (N, K, 2), corners (x, y) in pixels of an image of `size`: (N, 1, h, w).

    float32 in [0, 1]. Each edge adds what lies to its left in the rows that it crosses, with the sign of its direction, as font
    rasterisers do; exact but where an edge crosses several pixels of a row. Outlines must not cross themselves.
    """
    h, w = size
    y = torch.arange(h, device=outlines.device, dtype=torch.float32)
    (x0, y0), (x1, y1) = (each[..., None].unbind(2) for each in (outlines, outlines.roll(-1, dims=1)))  # edges: (N, K, 1)
    top, bottom = torch.maximum(torch.minimum(y0, y1), y), torch.minimum(torch.maximum(y0, y1), y + 1)
    rows = (bottom - top).clamp(min=0) * torch.sign(y1 - y0)  # of an edge within each row: (N, K, h)
    slope = (x1 - x0) / torch.where(y0 == y1, 1, y1 - y0)
    crossing = (x0 + ((top + bottom) / 2 - y0) * slope).clamp(0, w)
    # What an edge adds to the pixels on its left, as differences between a pixel and the next: their sums from the right.
    place = crossing.long()
    part = crossing - place
    steps = torch.zeros(len(outlines), h, w + 2, device=outlines.device)
    where = torch.cat([place, place + 1], dim=1).transpose(1, 2)
    steps.scatter_add_(2, where, torch.cat([rows * (1 - part), rows * part], dim=1).transpose(1, 2))
    area = steps.flip(2).cumsum(2).flip(2)[..., 1 : w + 1]
    return area.abs_().clamp_(max=1)[:, None]
