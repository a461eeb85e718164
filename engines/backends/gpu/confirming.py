"""People whom the base model confirms, as in `engines.confirming`, on a PyTorch device: no mask is downloaded for it.

Nothing here depends on how many regions there are, so that a CUDA graph can hold it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.confirming import CONFIRMED, SEEN

ROUNDS = 8  # in masks of people regions are whole after five at most
JUMPS = 8  # pixels as far as 2**8 from each other in a chain


def label_regions(seen: Tensor) -> Tensor:
    """Number the regions of what is seen, bool (h, w), by edges and corners: int64 (h, w), 0 where nothing is.

    In each round a region takes the highest number beside it, and the number that that one takes, and so on. In noise, parts
    of a region may have different numbers at the end.
    """
    own = torch.arange(1, seen.numel() + 1, device=seen.device)
    numbers = torch.cat([own.new_zeros(1), own])
    own = own.view(seen.shape)
    regions = own * seen
    for _ in range(ROUNDS):
        beside = F.max_pool2d(regions.float()[None, None], 3, stride=1, padding=1)[0, 0].long()  # floats are exact up to 2**24
        higher = seen & (beside > regions)
        # All others write to places of their own what is there: a GPU takes turns where many write to one.
        at, taken = torch.where(higher, regions, own), torch.where(higher, beside, own)
        numbers_taken = numbers.scatter_reduce(0, at.flatten(), taken.flatten(), "amax")
        for _ in range(JUMPS):
            numbers_taken = numbers_taken[numbers_taken]
        regions = numbers_taken[regions]
    return regions


def keep_confirmed(mask: Tensor, other: Tensor) -> None:
    """Clear, in a mask (h, w) in [0, 1], the regions of which another one has next to nothing.

    `other`: of the same field of view and any size.
    """
    seen = mask > SEEN
    regions = label_regions(seen)
    there = F.interpolate(other[None, None], mask.shape, mode="bilinear", align_corners=False)[0, 0]
    own = torch.arange(1, seen.numel() + 1, device=seen.device).view(seen.shape)
    # The sum of what is above the bound has the sign of the mean. What is not seen adds 0 where no region is.
    at = torch.where(seen, regions, own)
    above = there.new_zeros(seen.numel() + 1)
    above.scatter_add_(0, at.flatten(), torch.where(seen, there - CONFIRMED, 0).flatten())
    mask.mul_(above[at] >= 0)
