"""DeepLab: semantic segmentation by atrous convolutions. Chen et al., "Rethinking atrous convolution", 2017 (v3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import Convolution, upsample_to
from engines.networks.lite0 import CHANNELS, EfficientNetLite0

RATES = (4, 8, 12)  # section 3.3 has 6, 12 and 18 at 513x513 pixels; the same share of a frame at 384x288 and below


def dilate(part: nn.Module, rate: int) -> None:
    """Set the rate of the convolutions in a part of a network that are larger than 1x1. Sizes stay."""
    for convolution in part.modules():
        if isinstance(convolution, nn.Conv2d) and convolution.kernel_size[0] > 1:
            convolution.dilation = (rate, rate)
            convolution.padding = (rate * (convolution.kernel_size[0] // 2),) * 2


def make_atrous(encoder: EfficientNetLite0) -> None:
    """Let the encoder end at 1/16 instead of 1/32 (section 3.1): the last stride is dropped, what follows has rate 2.

    The weights, and their names, stay.
    """
    last, after = encoder.stages[5], encoder.stages[6]
    first = last[0].depthwise  # type: ignore[index]
    first[0] = nn.Identity()  # the padding of a strided convolution
    first[1].stride, first[1].padding = (1, 1), (first[1].kernel_size[0] // 2,) * 2
    for block in [*list(last.children())[1:], after]:
        dilate(block, 2)


class DeepLab(nn.Module):
    """Atrous spatial pyramid pooling (section 3.3) over the encoder of MPN: four rates and the whole picture.

    forward: image (N,3,h,w) RGB in [0, 1] -> logit of person (N,1,h,w). h and w are multiples of 32.

    Scaled down: EfficientNet-Lite0 (3.0 M parameters) for ResNet-101 (42 M), 128 channels a branch for 256, one class for 21.
    """

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        make_atrous(self.encoder)
        self.local = Convolution(CHANNELS[4], channels, kernel=1)
        self.atrous = nn.ModuleList(Convolution(CHANNELS[4], channels) for _rate in RATES)
        for branch, rate in zip(self.atrous, RATES, strict=True):
            dilate(branch, rate)
        self.whole = nn.Conv2d(CHANNELS[4], channels, 1)  # of one pixel: statistics of a batch would be of few numbers
        self.join = Convolution(channels * (2 + len(RATES)), channels, kernel=1)
        self.head = nn.Conv2d(channels, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        features = self.encoder(image)[-1]
        whole = F.relu(self.whole(features.mean((2, 3), keepdim=True))).expand(-1, -1, *features.shape[-2:])
        pyramid = [self.local(features), *(branch(features) for branch in self.atrous), whole]
        return upsample_to(self.head(self.join(torch.cat(pyramid, dim=1))), image)
