"""SHM: a network for a trimap and one for an alpha, fused. Chen et al., "Semantic human matting", ACM Multimedia 2018."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import Convolution, at_windows, join, upsample_to
from engines.networks.lite0 import CHANNELS, EfficientNetLite0
from train.baselines.dim import EncoderDecoder

BINS = (1, 2, 3, 6)  # of the pyramid pooling of PSPNet (Zhao et al., CVPR 2017)


class TNet(nn.Module):
    """T-Net (section 4.1): which pixels are foreground, background, unknown.

    forward: image (N,3,h,w) RGB in [0, 1] -> logits (N,3,h,w) of these three. h and w are multiples of 32.

    Scaled down: EfficientNet-Lite0 (3.0 M parameters) for PSPNet's ResNet-50 (24 M). The pyramid is pooled at 1/32 instead of
    1/8; the skip connections of MPN's decoder, which PSPNet lacks, lead back to 1/4.
    """

    def __init__(self, decoder: tuple[int, int, int, int] = (128, 96, 64, 32)) -> None:
        super().__init__()
        c32, c16, c8, c4 = decoder
        self.encoder = EfficientNetLite0()
        self.pooled = nn.ModuleList(nn.Conv2d(CHANNELS[4], c32 // len(BINS), 1) for _bin in BINS)
        self.bottom = Convolution(CHANNELS[4] + c32, c32, kernel=1)
        self.up16 = Convolution(c32 + CHANNELS[3], c16)
        self.up8 = Convolution(c16 + CHANNELS[2], c8)
        self.up4 = Convolution(c8 + CHANNELS[1], c4)
        self.head = nn.Conv2d(c4, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        _, f4, f8, f16, f32 = self.encoder(image)
        pyramid = [
            upsample_to(F.relu(layer(F.adaptive_avg_pool2d(f32, bins))), f32)
            for layer, bins in zip(self.pooled, BINS, strict=True)
        ]
        features = self.bottom(torch.cat([f32, *pyramid], dim=1))
        features = self.up16(join(features, f16))
        features = self.up8(join(features, f8))
        return upsample_to(self.head(self.up4(join(features, f4))), image)


class MNet(EncoderDecoder):
    """M-Net (section 4.2): DIM's encoder-decoder, with batch normalisation, on RGB and the three channels of a trimap."""

    def __init__(self) -> None:
        super().__init__(more=3)


def fuse(trimap: Tensor, raw: Tensor) -> Tensor:
    """The fusion module (section 4.3): alpha_p = F_s + U_s alpha_r.

    trimap (N,3,H,W): probabilities F_s, B_s and U_s of foreground, background, unknown, which sum to 1; raw (N,1,H,W): M-Net's
    alpha_r in [0, 1]. Returns alpha_p (N,1,H,W) in [0, 1].
    """
    return trimap[:, :1] + trimap[:, 2:] * raw


class SHM(nn.Module):
    """Both networks, trained end to end. T-Net sees the whole frame at low resolution, M-Net full resolution.

    The original shows both networks patches of 800x800 pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tnet = TNet()
        self.mnet = MNet()

    def forward(self, image: Tensor, pixels: Tensor, windows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Alpha (N,1,H,W) in [0, 1], and T-Net's logits (N,3,h,w) of foreground, background and unknown.

        image    (N,3,h,w) RGB in [0, 1], the whole frame
        pixels   (N,3,H,W): the frame at full resolution, or a part of it
        windows  (N,4): where that part is, x0, y0, x1, y1 in unit coordinates; None: it is the whole frame
        """
        logits = self.tnet(image)
        size = (pixels.shape[-2], pixels.shape[-1])
        enlarged = upsample_to(logits, pixels) if windows is None else at_windows(logits, windows, size)
        trimap = enlarged.float().softmax(dim=1)
        return fuse(trimap, self.mnet(pixels, trimap)), logits
