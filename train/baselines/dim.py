"""DIM: matting from a picture and a trimap. Xu et al., "Deep image matting", CVPR 2017."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import Convolution, join
from engines.networks.lite0 import CHANNELS, EfficientNetLite0

MULTIPLE = 32  # of the sides that the encoder takes


class EncoderDecoder(nn.Module):
    """Encoder of RGB and `more` channels, whose first layer is widened by zero weights (section 4.1), and decoder: an alpha.

    forward: image (N,3,H,W) RGB in [0, 1], given (N,more,H,W) in [0, 1] -> alpha (N,1,H,W) in [0, 1]; any H and W.

    Scaled down: EfficientNet-Lite0 (3.0 M parameters) for the convolutions of VGG-16 and one of 7x7 (117 M); a decoder of 128
    to 16 channels and 3x3 pixels for one of 512 to 64 and 5x5. The original enlarges by the indices of its max pooling. This
    encoder pools nothing, so features are enlarged bilinearly, and joined with those that the encoder has at that size.
    """

    def __init__(self, more: int, decoder: tuple[int, int, int, int, int, int] = (128, 96, 64, 32, 24, 16)) -> None:
        super().__init__()
        c32, c16, c8, c4, c2, c1 = decoder
        self.encoder = EfficientNetLite0()
        self.encoder.stem[1] = nn.Conv2d(3 + more, 32, 3, stride=2, bias=False)
        self.bottom = Convolution(CHANNELS[4], c32, kernel=1)
        self.up16 = Convolution(c32 + CHANNELS[3], c16)
        self.up8 = Convolution(c16 + CHANNELS[2], c8)
        self.up4 = Convolution(c8 + CHANNELS[1], c4)
        self.up2 = Convolution(c4 + CHANNELS[0], c2)
        self.up1 = Convolution(c2 + 3 + more, c1)
        self.head = nn.Conv2d(c1, 1, 3, padding=1)

    def forward(self, image: Tensor, given: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        pixels = torch.cat([image, given], dim=1)
        pixels = F.pad(pixels, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
        f2, f4, f8, f16, f32 = self.encoder(pixels)
        features = self.up16(join(self.bottom(f32), f16))
        features = self.up8(join(features, f8))
        features = self.up4(join(features, f4))
        features = self.up2(join(features, f2))
        features = self.up1(join(features, pixels))
        return torch.sigmoid(self.head(features))[:, :, :height, :width]


class DIM(EncoderDecoder):
    """The matting encoder-decoder stage (section 4.1): `given` is the trimap (N,1,H,W): 0, 0.5 (unknown) or 1."""

    def __init__(self) -> None:
        super().__init__(more=1)


class Refinement(nn.Module):
    """The matting refinement stage (section 4.2): four convolutions whose result is added to the alpha of the first stage.

    forward: image (N,3,H,W) RGB in [0, 1], alpha (N,1,H,W) -> refined alpha (N,1,H,W), which is not clipped to [0, 1].

    Scaled down: 32 channels for 64.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Convolution(4, channels),
            Convolution(channels, channels),
            Convolution(channels, channels),
            nn.Conv2d(channels, 1, 3, padding=1),
        )

    def forward(self, image: Tensor, alpha: Tensor) -> Tensor:
        change: Tensor = self.layers(torch.cat([image, alpha], dim=1))
        return alpha + change


class TwoStageDIM(nn.Module):
    """Both stages, one behind the other.

    forward: image (N,3,H,W) RGB in [0, 1], trimap (N,1,H,W) as DIM takes it -> alpha (N,1,H,W), which is not clipped to [0, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.matting = DIM()
        self.refinement = Refinement()

    def forward(self, image: Tensor, trimap: Tensor) -> Tensor:
        alpha: Tensor = self.refinement(image, self.matting(image, trimap))
        return alpha
