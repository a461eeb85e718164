"""Pictures that stay on a device: each stretched to a square, as a mipmap, so that a batch of any of them is one gather."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.library import Picture

DTYPE = torch.float32  # of what is sampled: half precision cannot tell the pixels of a large picture apart


def halved(squares: Tensor) -> Tensor:
    """uint8 (N, C, S, S) at half the size. With alpha, a pixel's colour is the mean of the four weighted by theirs."""
    values = squares.to(DTYPE)
    if squares.shape[1] < 4:
        return F.avg_pool2d(values, 2).round_().to(torch.uint8)
    weight = values[:, 3:] + 1e-3  # where nothing is seen the plain mean
    alpha = F.avg_pool2d(values[:, 3:], 2)
    colours = F.avg_pool2d(values[:, :3] * weight, 2) / F.avg_pool2d(weight, 2)
    return torch.cat([colours, alpha], dim=1).round_().to(torch.uint8)


class Textures:
    """N pictures of C channels, uint8 (N, C, S, S) at each side S of `sides`, the largest first."""

    def __init__(self, read: Sequence[Callable[[], Picture]], sides: Sequence[int], device: torch.device) -> None:
        """`read`: each gives one picture, uint8 (h, w, C), or (h, w). They are read by as many threads as there are cores.

        `sides`: each half of the one before.
        """
        if any(large != 2 * small for large, small in pairwise(sides)):
            raise ValueError(f"sides must halve from one to the next, not {list(sides)}")

        def square(each: Callable[[], Picture]) -> Tensor:
            picture = each()
            smaller = max(picture.shape[:2]) > sides[0]
            how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            resized = cv2.resize(picture, (sides[0], sides[0]), interpolation=how).reshape(sides[0], sides[0], -1)
            return torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1)))

        first: Tensor | None = None
        with ThreadPoolExecutor() as pool:
            for place, texture in enumerate(pool.map(square, read)):
                if first is None:
                    first = torch.empty(len(read), *texture.shape, dtype=torch.uint8, device=device)
                first[place] = texture.to(device)
        if first is None:
            raise ValueError("there are no pictures")
        self.sides = tuple(sides)
        self.levels = [first]
        for _ in sides[1:]:
            self.levels.append(torch.cat([halved(part) for part in torch.split(self.levels[-1], 64)]))

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.levels[0].device

    def level(self, extent: Tensor) -> Tensor:
        """Which level (N,) is fine enough for pictures shown `extent` (N,) pixels wide or high, whichever is more."""
        wanted = 0.8 * extent  # a little enlargement is cheaper than aliasing
        levels = torch.zeros(len(extent), dtype=torch.long)
        for number, side in enumerate(self.sides):
            levels[wanted <= side] = number
        return levels

    def sample(self, index: Tensor, theta: Tensor, extent: Tensor, size: tuple[int, int], *, border: str) -> Tensor:
        """Pictures (N,) seen through windows: float (N, C, *size) in [0, 255].

        index   int64 (N,), on the CPU
        theta   float32 (N, 2, 3), on the CPU: from the window's to the picture's coordinates, both in [-1, 1]
        extent  float32 (N,), on the CPU: see `level`
        border  "zeros", or "reflection"
        """
        result = torch.empty(len(index), self.levels[0].shape[1], *size, dtype=DTYPE, device=self.device)
        chosen = self.level(extent)
        for number, textures in enumerate(self.levels):
            rows = torch.nonzero(chosen == number)[:, 0]
            if not len(rows):
                continue
            pictures = textures[index[rows].to(self.device, non_blocking=True)].to(DTYPE)
            grid = F.affine_grid(theta[rows].to(self.device, non_blocking=True), [len(rows), 1, *size], align_corners=False)
            seen = F.grid_sample(pictures, grid, padding_mode=border, align_corners=False)
            result[rows.to(self.device, non_blocking=True)] = seen
        return result
