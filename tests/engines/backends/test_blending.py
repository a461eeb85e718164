import numpy as np
import torch

from engines.backends.gpu.blending import blend


def test_every_alpha_on_any_pair_of_levels_is_within_a_level_and_its_ends_are_exact() -> None:
    alpha = np.repeat(np.linspace(0, 1, 257).astype(np.float16)[:, None], 256, axis=1)  # what the graph gives is float16
    wide = alpha.astype(np.float64)[..., None]
    foreground = np.broadcast_to(np.arange(256)[None, :, None], (257, 256, 3)).astype(np.uint8)
    work = torch.empty(257, 256, 3, dtype=torch.float16)
    for level in (0, 127, 255):
        background = np.full_like(foreground, level)
        blended = torch.from_numpy(foreground.copy())
        blend(torch.from_numpy(alpha), blended, torch.from_numpy(background), work)
        picture = blended.numpy()
        exact = wide * foreground + (1 - wide) * background
        assert np.abs(picture - exact).max() <= 0.63  # half a level of rounding, an eighth of float16
        assert (picture[0] == background[0]).all()
        assert (picture[-1] == foreground[-1]).all()


def test_each_pixel_uses_its_own_alpha() -> None:
    rng = np.random.default_rng(7)
    alpha = rng.random((45, 67)).astype(np.float16)
    foreground, background = (rng.integers(0, 256, (45, 67, 3), np.uint8) for _ in range(2))
    picture = torch.from_numpy(foreground.copy())
    blend(torch.from_numpy(alpha), picture, torch.from_numpy(background), torch.empty(45, 67, 3, dtype=torch.float16))
    wide = alpha.astype(np.float64)[..., None]
    assert np.abs(picture.numpy() - (wide * foreground + (1 - wide) * background)).max() <= 0.63
