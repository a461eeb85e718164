"""Compositing by equation 1 of the paper, I = aF + (1-a)B, on a PyTorch device, in preallocated memory."""

from torch import Tensor


def blend(alpha: Tensor, foreground: Tensor, background: Tensor, work: Tensor) -> None:
    """Write aF + (1-a)B over F, uint8 (H, W, 3), within one level of the exact value.

    `alpha` is float16 (H, W) in [0, 1], B uint8 (H, W, 3). `work`, float16 (H, W, 3), is overwritten: float16 holds the levels
    and their differences exactly, and a product and a sum of them to an eighth of a level.
    """
    work.copy_(foreground)
    work.sub_(background).mul_(alpha[..., None]).add_(background)
    foreground.copy_(work.round_())  # a cast truncates
