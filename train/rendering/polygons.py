"""Polygons filled on a device."""

import torch
from torch import Tensor


def fill(outlines: Tensor, size: tuple[int, int]) -> Tensor:
    """How much of each pixel is inside of polygons (N, K, 2), corners (x, y) in pixels of an image of `size`: (N, 1, h, w).

    float32 in [0, 1]. Each edge adds what lies to its left in the rows that it crosses, with the sign of its direction, as font
    rasterisers do; exact but where an edge crosses several pixels of a row. Outlines must not cross themselves.
    """
    h, w = size
    device = outlines.device
    x = torch.arange(w, device=device, dtype=torch.float32).view(1, 1, w)
    y = torch.arange(h, device=device, dtype=torch.float32).view(1, h, 1)
    area = torch.zeros(len(outlines), h, w, device=device)
    starts, ends = outlines, outlines.roll(-1, dims=1)
    for corner in range(outlines.shape[1]):
        (x0, y0), (x1, y1) = (each[:, corner].view(-1, 2, 1, 1).unbind(1) for each in (starts, ends))
        top, bottom = torch.maximum(torch.minimum(y0, y1), y), torch.minimum(torch.maximum(y0, y1), y + 1)
        rows = (bottom - top).clamp(min=0) * torch.sign(y1 - y0)  # of the edge within each row: (N, h, 1)
        slope = (x1 - x0) / torch.where(y0 == y1, torch.ones_like(y0), y1 - y0)
        crossing = x0 + ((top + bottom) / 2 - y0) * slope
        area.addcmul_((crossing - x).clamp_(0, 1), rows)
    return area.abs_().clamp_(max=1)[:, None]
