"""What the check of an engine holds against PyTorch."""

import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from engines.store.parity import KINDS, MatteOf, differences


def of_alpha(value: float) -> MatteOf:
    """An engine that gives every pixel this alpha."""

    def matte_of(frame: Frame, mask: Mask | None = None) -> Matte:
        alpha = np.full(frame.shape[:2], value, np.float32)
        return Matte(alpha=alpha, foreground=frame, coarse=alpha, unified=alpha)

    return matte_of


@pytest.mark.parametrize(("engine", "worst"), [(0.98, 0.0), (1.0, 0.0), (0.95, 0.03 * 255)])
def test_a_tile_may_be_computed_or_not_where_the_mask_is_at_the_bound_of_sure(engine: float, worst: float) -> None:
    found = differences(of_alpha(engine), of_alpha(1.0), 64, 64, untiled=of_alpha(0.98))
    assert [each.kind for each in found] == list(KINDS)
    for each in found:
        assert each.worst == pytest.approx(worst, abs=1e-3)
        assert each.passes("fp32") == (worst == 0)


def test_without_tiles_nothing_is_allowed_for() -> None:
    assert not any(each.passes("fp32") for each in differences(of_alpha(0.98), of_alpha(1.0), 64, 64))
