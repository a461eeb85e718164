"""`train.data.camera` for batches on a device. Pictures are float32 (N, 3, h, w), RGB in [0, 255]."""

import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.camera import FAINT, MAX_DEFOCUS, NOISE_GAIN, NOISE_SMOOTHING
from train.rendering.jpeg import compress

GREY = (0.299, 0.587, 0.114)


def tint(pictures: Tensor, numbers: Tensor) -> Tensor:
    """Light and colour; `numbers` (N, 7) as `train.rendering.parameters.tint_numbers` has them."""
    gamma, gain, contrast, red, green, blue, colour = numbers.to(pictures.dtype).unbind(1)
    shape = (-1, 1, 1, 1)
    factors = (gain[:, None] * torch.stack([red, green, blue], dim=1)).view(-1, 3, 1, 1)
    lit = (pictures / 255).clamp(min=0) ** gamma.view(shape) * factors
    lit = (((lit - 0.5) * contrast.view(shape) + 0.5) * 255).clamp(0, 255)
    grey = (lit * torch.tensor(GREY, dtype=lit.dtype, device=lit.device).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return torch.lerp(grey, lit, colour.view(shape)).clamp(0, 255)


def blur(pictures: Tensor, kernels: Tensor) -> Tensor:
    """Each picture (N, C, h, w) filtered by a kernel of its own: (N, K, K), K odd."""
    n, c, h, w = pictures.shape
    margin = kernels.shape[-1] // 2
    padded = F.pad(pictures, (margin,) * 4, mode="reflect").view(1, n * c, h + 2 * margin, w + 2 * margin)
    return F.conv2d(padded, kernels.to(pictures.dtype).repeat_interleave(c, dim=0)[:, None], groups=n * c).view(n, c, h, w)


def blur_by_gaussians(pictures: Tensor, sigmas: Tensor, largest: float) -> Tensor:
    """Each picture (N, C, h, w) filtered by a Gaussian of its own sigma (N,), up to `largest`, as OpenCV does it."""
    n, c, h, w = pictures.shape
    margin = round(3 * largest)
    offsets = torch.arange(-margin, margin + 1, device=pictures.device, dtype=pictures.dtype)
    rows = torch.exp(-(offsets**2) / (2 * sigmas.to(pictures.dtype)[:, None] ** 2))
    rows = (rows / rows.sum(dim=1, keepdim=True)).repeat_interleave(c, dim=0)[:, None, None]
    planes = pictures.reshape(1, n * c, h, w)
    planes = F.conv2d(F.pad(planes, (margin, margin, 0, 0), mode="reflect"), rows, groups=n * c)
    planes = F.conv2d(F.pad(planes, (0, 0, margin, margin), mode="reflect"), rows.transpose(2, 3), groups=n * c)
    return planes.view(n, c, h, w)


def smooth(patterns: Tensor) -> Tensor:
    """Noise (N, 3, h, w) smoothed as `train.data.camera.noise_pattern` smooths it."""
    sigmas = torch.full((len(patterns),), NOISE_SMOOTHING, device=patterns.device)
    return blur_by_gaussians(patterns, sigmas, 1.0) * NOISE_GAIN


def _rows(chosen: Tensor) -> Tensor:
    """Which pictures have something is decided on the CPU, so that the device is never waited for."""
    return torch.nonzero(chosen)[:, 0]


def camera_blur(pictures: Tensor, batch: dict[str, Tensor], prefix: str = "") -> Tensor:
    """The blur alone of what `grain` applies, of pictures or of the truth about them, (N, C, h, w)."""
    pictures = pictures.clone()
    for name, chosen in (("defocus", _rows(batch[prefix + "defocus"] > 0)), ("kernel", _rows(batch[prefix + "blurred"]))):
        if len(chosen):
            on_device, numbers = chosen.to(pictures.device), batch[prefix + name][chosen].to(pictures.device)
            taken = pictures[on_device]
            pictures[on_device] = blur(taken, numbers) if name == "kernel" else blur_by_gaussians(taken, numbers, MAX_DEFOCUS)
    return pictures


def blurred_matte(foreground: Tensor, alpha: Tensor, batch: dict[str, Tensor], prefix: str = "") -> tuple[Tensor, Tensor]:
    """`train.data.camera.blurred_matte` of foreground (N, 3, h, w) in [0, 255] and alpha (N, 1, h, w) in [0, 1]."""
    soft = camera_blur(torch.cat([foreground * alpha, alpha], dim=1), batch, prefix)
    colours, alpha = soft[:, :3], soft[:, 3:].clamp(0, 1)  # sums of a kernel may round beyond 1
    return torch.where(alpha < FAINT / 255, foreground, colours / alpha.clamp(min=FAINT / 255)), alpha


def grain(pictures: Tensor, batch: dict[str, Tensor], prefix: str = "") -> Tensor:
    """Blur, noise and compression, of what `train.rendering.parameters.grain_arrays` gives; the batch is on the CPU."""
    device = pictures.device
    pictures = camera_blur(pictures, batch, prefix)
    sigma, smoothed = batch[prefix + "noise"], batch[prefix + "noise_smooth"]
    for noisy, soft in ((_rows((sigma > 0) & ~smoothed), False), (_rows((sigma > 0) & smoothed), True)):
        if len(noisy):
            on_device = noisy.to(device)
            generator = torch.Generator(device).manual_seed(int(batch[prefix + "noise_seed"][noisy[0]]))
            pattern = torch.randn(len(noisy), *pictures.shape[1:], device=device, generator=generator)
            pattern *= sigma[noisy].to(device).view(-1, 1, 1, 1)
            pictures[on_device] = (pictures[on_device] + (smooth(pattern) if soft else pattern)).clamp(0, 255)
    compressed = _rows(batch[prefix + "quality"] > 0)
    if len(compressed):
        on_device = compressed.to(device)
        pictures[on_device] = compress(pictures[on_device], batch[prefix + "quality"][compressed].to(device))
    return pictures
