"""How much nearer coarse masks come to the true alpha when QUN and MRN refine them (section 6 of the paper)."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import Engine, Frame, Mask
from train.evaluation.metrics import MATTE_METRICS
from train.evaluation.peers import Peer
from train.evaluation.scores import Score, TestSet, read_item

EXTENT = 0.01  # of the picture's long side: how far a mask is grown, shrunk or shifted
COLUMNS = 32  # of the coarsest mask, along the long side
Degrade = Callable[[Mask], Mask]


def pixels(mask: Mask) -> int:
    """EXTENT in pixels."""
    return max(1, round(EXTENT * int(max(mask.shape))))


def hard(mask: Mask) -> NDArray[np.uint8]:
    """Person or not, at 0.5."""
    return np.asarray(mask > 0.5, np.uint8)


def disc(radius: int) -> NDArray[np.uint8]:
    """A round structuring element."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def grown(mask: Mask) -> Mask:
    """A margin all around, as generous annotators leave it."""
    return np.asarray(cv2.dilate(hard(mask), disc(pixels(mask))), np.float32)


def shrunk(mask: Mask) -> Mask:
    """The same inwards: strands and fingers go."""
    return np.asarray(cv2.erode(hard(mask), disc(pixels(mask))), np.float32)


def shifted(mask: Mask) -> Mask:
    """The whole of it beside its place, to the right and down."""
    by = pixels(mask)
    place = np.array([[1, 0, by], [0, 1, by]], np.float32)
    return np.asarray(cv2.warpAffine(hard(mask), place, mask.shape[::-1]), np.float32)


def polygons(mask: Mask) -> Mask:
    """Straight lines from corner to corner, as people click them."""
    outlines, _ = cv2.findContours(hard(mask), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    clicked = [cv2.approxPolyDP(outline, pixels(mask), closed=True) for outline in outlines]
    return np.asarray(cv2.fillPoly(np.zeros(mask.shape, np.uint8), clicked, 1), np.float32)


def coarse(mask: Mask) -> Mask:
    """A network's small mask, enlarged without smoothing: blocks."""
    scale = COLUMNS / max(mask.shape)
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    small = hard(np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32))
    return np.asarray(cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_NEAREST), np.float32)


KINDS: dict[str, Degrade] = {
    "binarised": lambda mask: hard(mask).astype(np.float32),
    "grown": grown,
    "shrunk": shrunk,
    "shifted": shifted,
    "polygons": polygons,
    "blocks": coarse,
}


def refine_set(
    test_set: TestSet, engine: Engine, peers: Sequence[Peer], advance: Callable[[], None] = lambda: None
) -> dict[str, tuple[Score, Score]]:
    """Scores before and after refinement, by kind of mask: the truth made worse in each way of KINDS, and each peer's own.

    The set has true alphas. `advance` is called after each mask.
    """
    scores = {name: (Score(), Score()) for name in [*KINDS, *(peer.name for peer in peers)]}
    for item in test_set.items:
        frame, truth = read_item(item)
        for name, mask in masks(frame, truth, peers):
            for alpha, score in zip((mask, engine(frame, mask).alpha), scores[name], strict=True):
                score.pictures[item.stem] = {metric: measure(alpha, truth) for metric, measure in MATTE_METRICS.items()}
            advance()
    return scores


def masks(frame: Frame, truth: Mask, peers: Sequence[Peer]) -> list[tuple[str, Mask]]:
    """The masks to refine, each with its kind."""
    return [(name, degrade(truth)) for name, degrade in KINDS.items()] + [(peer.name, peer(frame)) for peer in peers]
