"""Which tiles of a frame MRN's details have to see; elsewhere alpha is 0 or 1.

They are those in which the unified mask is unsure, and those into which goes on what is seen in these.
"""

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Mask

HALO = 4  # pixels on each side that MRN sees beyond a tile (`networks/mrn.py`, which imports torch)
TILE = 32  # pixels, a multiple of 2: the smaller, the fewer pixels beside edges are computed, and the more of margins
SURE = 0.03  # masks below it and above 1 - it are sure, if their neighbours are as well
STEP = 0.05  # of alpha between a tile that was seen and one that is sure: more shows as a straight edge


class Layout:
    """The tiles of frames of one size. The last ones of a row or column overlap those before, so that all are of one size."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.tops, self.lefts = _starts(height), _starts(width)
        self._rows, self._columns = _positions(self.tops, height), _positions(self.lefts, width)

    def unsure(self, unified: Mask) -> NDArray[np.bool_]:
        """(rows, columns) of tiles: whether anything in it is unsure, by a unified mask (h, w)."""
        near = np.ones((3, 3), np.uint8)
        unsure = ((cv2.dilate(unified, near) > SURE) & (cv2.erode(unified, near) < 1 - SURE)).astype(np.uint8)
        sums = cv2.integral(unsure)
        top, bottom = _spans(self.tops, self.height, unified.shape[0])
        left, right = _spans(self.lefts, self.width, unified.shape[1])
        return np.asarray(
            sums[np.ix_(bottom, right)] - sums[np.ix_(top, right)] - sums[np.ix_(bottom, left)] + sums[np.ix_(top, left)] > 0
        )

    def sure_alpha(self, unified: Mask) -> Mask:
        """Alpha (H, W), 0 or 1 by the mask in the middle of each tile."""
        h, w = unified.shape
        rows = np.minimum((self.tops + TILE // 2) * h // max(self.height, TILE), h - 1)
        columns = np.minimum((self.lefts + TILE // 2) * w // max(self.width, TILE), w - 1)
        values = (unified[np.ix_(rows, columns)] > 0.5).astype(np.float32)
        alpha = np.empty((self.height, self.width), np.float32)
        for index, row in enumerate(values):
            alpha[index * TILE : (index + 1) * TILE] = np.repeat(row, TILE)[: self.width]
        return alpha

    def goes_on(self, seen: NDArray[np.bool_], alpha: Mask) -> NDArray[np.bool_]:
        """(rows, columns) of tiles not seen yet: whether alpha, (H, W), of a tile beside that was seen ends at its edge."""
        more = np.zeros_like(seen)
        for tiles, known, pixels, starts in ((more, seen, alpha, self.lefts), (more.T, seen.T, alpha.T, self.tops)):
            ends = np.any([_steps(pixels, at) for at in (TILE * np.arange(1, len(starts)), starts[1:])], axis=0)
            tiles[:, 1:] |= ends & known[:, :-1]
            tiles[:, :-1] |= ends & known[:, 1:]
        return more & ~seen

    def settle(self, frame: Frame, unified: Mask, alpha: Mask, foreground: Frame) -> None:
        """Make, in place, the matte of all tiles that of the ones alone that MRN has to see."""
        seen, more = np.zeros((len(self.tops), len(self.lefts)), np.bool_), self.unsure(unified)
        sure, settled = np.ones(alpha.shape, np.bool_), self.sure_alpha(unified)
        while more.any():
            for row, column in np.argwhere(more):  # the last ones overlap sure ones, which `paste` overwrites
                sure[self.tops[row] : self.tops[row] + TILE, self.lefts[column] : self.lefts[column] + TILE] = False
            settled[~sure] = alpha[~sure]
            seen |= more
            more = self.goes_on(seen, settled)
        alpha[:], foreground[sure] = settled, frame[sure]

    def batches(self, unsure: NDArray[np.bool_], size: int) -> Iterator[list[tuple[int, int]]]:
        """The unsure tiles as (row, column), `size` at a time."""
        chosen = [(int(row), int(column)) for row, column in np.argwhere(unsure)]
        for start in range(0, len(chosen), size):
            yield chosen[start : start + size]

    def cut(self, frame: Frame, batch: list[tuple[int, int]], tiles: NDArray[np.uint8], places: NDArray[np.float32]) -> None:
        """Fill the first of `tiles` (N,TILE+2*HALO,TILE+2*HALO,3) and of `places` (N,TILE/2+2,TILE/2+2,2) with a batch's."""
        rows, columns = np.array(batch).T
        places[: len(batch), ..., 0] = self._columns[columns][:, None, :]
        places[: len(batch), ..., 1] = self._rows[rows][:, :, None]
        for index, (row, column) in enumerate(batch):
            top, left = int(self.tops[row]) - HALO, int(self.lefts[column]) - HALO
            bottom, right = top + TILE + 2 * HALO, left + TILE + 2 * HALO
            beyond = (max(-top, 0), max(bottom - self.height, 0), max(-left, 0), max(right - self.width, 0))
            part = frame[max(top, 0) : bottom, max(left, 0) : right]
            tiles[index] = cv2.copyMakeBorder(part, *beyond, cv2.BORDER_REPLICATE) if any(beyond) else part

    def paste(self, batch: list[tuple[int, int]], alphas: Mask, foregrounds: Frame, alpha: Mask, foreground: Frame) -> None:
        """Write the mattes of a batch, (N,TILE,TILE) and (N,TILE,TILE,3), into those of the frame."""
        for index, (row, column) in enumerate(batch):
            here = np.s_[self.tops[row] : self.tops[row] + TILE, self.lefts[column] : self.lefts[column] + TILE]
            high, wide = alpha[here].shape
            alpha[here] = alphas[index, :high, :wide]
            foreground[here] = foregrounds[index, :high, :wide]


@lru_cache(maxsize=8)
def layout(height: int, width: int) -> Layout:
    """The layout of a frame size."""
    return Layout(height, width)


def _starts(length: int) -> NDArray[np.int64]:
    """The first pixel of each tile along a side. All are even, as rows and pixels are seen in pairs."""
    even = length + length % 2
    return np.minimum(np.arange(0, length, TILE), max(even - TILE, 0))


def _steps(alpha: Mask, at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(rows of tiles, positions): whether alpha steps there from one column of pixels to the next."""
    steps = cv2.absdiff(alpha[:, at], alpha[:, at - 1]) if len(at) else alpha[:, :0]
    return np.asarray(np.maximum.reduceat(steps, np.arange(0, len(steps), TILE), axis=0) > STEP)


def _positions(starts: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """(tiles, TILE/2 + 2): where each pair of pixels is along a side, from -1 to 1, one more before and behind.

    Beyond the frame those at its edge are repeated.
    """
    pairs = (length + 1) // 2
    indices = (starts[:, None] // 2 + np.arange(-1, TILE // 2 + 1)).clip(0, pairs - 1)
    return ((2 * indices + 1) / pairs - 1).astype(np.float32)


def _spans(starts: NDArray[np.int64], length: int, pixels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the last but one of the mask's `pixels` that bear upon each tile along a side of the frame."""
    scale = pixels / (length + length % 2)
    first = np.floor(starts * scale - 0.5).astype(np.int64).clip(0, pixels - 1)
    end = (np.ceil((starts + TILE) * scale - 0.5).astype(np.int64) + 1).clip(1, pixels)
    return first, end
