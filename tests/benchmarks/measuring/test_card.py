"""What is measured of a GPU, measured of the CPU: the arithmetic is the same."""

import pytest
import torch

from benchmarks.measuring import card
from engines.geometry import MODELS, MPN_SIZES


def test_rates_are_above_zero_and_the_floor_is_theirs():
    found = card.measure("cpu", copied=2**20, moved=2**18, side=64)
    assert all(found[name] > 0 for name in ("copied", "up", "down", "fp16"))
    rates = {"name": "A card", "copied": 3e12, "up": 50e9, "down": 25e9, "fp16": 800e12}
    flop = {"mpn": 2 * 10**9, "qun": 10**9, "mrn": 7 * 10**9}
    first, second = card.sentence(rates | {"frames": [{"size": [1000, 1000], "model": "base", "flop": flop}]}).splitlines()
    assert first == "Measured, A card copies 3000 GB/s, multiplies FP16 at 800 TFLOP/s; 50.0 GB/s to it, 25.0 GB/s from it."
    assert "1000x1000, base: the frame goes up in 0.060 ms and its picture down in 0.120 ms" in second
    assert "8.0 GFLOP, 0.010 ms at that rate; MPN is 2.0 GFLOP in float32" in second


def test_operations_grow_with_the_frame_and_the_model():
    small, large, huge = (card.operations((side, side), "base") for side in (800, 1600, 2400))
    # MRN's features cost the same for any frame, its details grow with the pixels.
    assert huge["mrn"] - small["mrn"] == pytest.approx(8 / 3 * (large["mrn"] - small["mrn"]), rel=0.02)
    assert 0 < large["mrn"] - small["mrn"] < 4 * small["mrn"]
    assert large["mpn"] == small["mpn"]
    of_large = card.operations((800, 800), "large")
    for network, sizes in (("mpn", MPN_SIZES), ("qun", MODELS)):
        pixels = {name: height * width for name, (height, width) in sizes.items()}
        assert of_large[network] / small[network] == pytest.approx(pixels["large"] / pixels["base"], rel=0.01)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_why_a_card_cannot_be_measured_is_one_line():
    reason = card.measure_with_frames([(64, 64)], ["base"])
    assert isinstance(reason, str)
    assert "CUDA" in reason
    assert "\n" not in reason


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA GPU")
def test_a_card():
    found = card.measure_with_frames([(800, 800), (1920, 1080)], ["base", "large"])
    assert isinstance(found, dict), found
    print(card.sentence(found))
    assert found["copied"] > found["up"] > 1e9
