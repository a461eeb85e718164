"""Polygons filled on a device."""

import torch
from torch import Tensor


def fill(outlines: Tensor, size: tuple[int, int]) -> Tensor:
    """Which pixels lie inside polygons (N, K, 2), whose corners (x, y) are in pixels of an image of `size`: (N, 1, h, w).

    float32, 1 inside and 0 outside; in between, on the outline, by how far a pixel's centre is from the nearest edge that
    runs through its row or column: smooth as OpenCV's LINE_AA is. Even-odd rule.
    """
    h, w = size
    device = outlines.device
    x = torch.arange(w, device=device, dtype=torch.float32).view(1, 1, w) + 0.5
    y = torch.arange(h, device=device, dtype=torch.float32).view(1, h, 1) + 0.5
    inside = torch.zeros(len(outlines), h, w, dtype=torch.bool, device=device)
    distance = torch.full((len(outlines), h, w), 1.0, device=device)
    starts, ends = outlines, outlines.roll(-1, dims=1)
    for corner in range(outlines.shape[1]):
        (x0, y0), (x1, y1) = (each[:, corner].view(-1, 2, 1, 1).unbind(1) for each in (starts, ends))
        dx, dy = x1 - x0, y1 - y0
        crosses = (y0 <= y) != (y1 <= y)
        safe = torch.where(dy == 0, torch.ones_like(dy), dy)
        inside ^= crosses & (x < x0 + (y - y0) * dx / safe)
        along = (((x - x0) * dx + (y - y0) * dy) / (dx**2 + dy**2).clamp(min=1e-12)).clamp(0, 1)
        apart = torch.hypot(x - x0 - along * dx, y - y0 - along * dy)
        distance = torch.minimum(distance, apart)
    signed = torch.where(inside, distance, -distance)
    return (signed + 0.5).clamp(0, 1)[:, None]
