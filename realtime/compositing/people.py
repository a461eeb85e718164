"""Who is where in a stream of several people: those who touch are told apart by optical flow, if they were seen apart before.

    people = People.of(regions, areas, chosen, picture)      # of the connected regions of a small mask, one of which is kept
    people = people.follow(mask, picture)                    # in the next frame
    people.kept                                              # 1 where that person is

A region that holds one person is all theirs. Where two meet in one, each is carried on from frame to frame by optical flow, and
what nobody was carried to is the nearest one's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame
from realtime.compositing.temporal import flow_to, warp

MIN_SHARE = 0.002  # of the frame: smaller specks are not people
BYSTANDER = 0.25  # of the area of the one who is kept: what is smaller may be their own hand, and is theirs when both touch
CAME_OFF = 0.25  # of a region that is nobody else's: how much of it the one who is kept had, if it came off that one
OWNED = 0.25  # share above which a pixel is somebody's: of two or three who meet in it, the largest has more
SHARPER = 1.2  # contrast against the blur that each step of the flow adds to the border between two
PIECE = 255  # the number of what came off the one who is kept

Small = NDArray[np.uint8]
Labels = NDArray[np.int32]
Shares = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The people of one frame, at a low resolution.

    shares   float32 (n, h, w) in [0, 1]: what of each pixel is whose; the one who is kept comes first, and may be away
    pieces   uint8 (h, w): 1 where something is that came off that one, which is not kept while it is apart
    last     uint8 (h, w): 1 where that one was when last seen alone
    picture  uint8 (h, w): the frame, in grey
    """

    shares: Shares
    pieces: Small
    last: Small
    picture: Small

    @classmethod
    def of(cls, regions: Labels, areas: NDArray[np.int32], chosen: int, picture: Small) -> Self:
        """The people of a frame, each a region; the one who is kept is region `chosen`."""
        others = [each for each in range(1, len(areas)) if each != chosen and areas[each] >= BYSTANDER * areas[chosen]]
        shares = np.stack([regions == each for each in (chosen, *others)]).astype(np.float32)
        return cls(shares, np.zeros_like(picture), shares[0].astype(np.uint8), picture)

    @classmethod
    def numbered(cls, numbers: Small, picture: Small) -> Self:
        """The people of `numbers`, which are those of another object, in the size of a picture."""
        numbers = fitted(numbers, picture.shape)
        others = [each for each in np.unique(numbers) if each not in (0, 1, PIECE)]
        shares = np.stack([numbers == each for each in (1, *others)]).astype(np.float32)
        return cls(shares, (numbers == PIECE).astype(np.uint8), shares[0].astype(np.uint8), picture)

    @classmethod
    def recalled(cls, memory: Mapping[str, NDArray[Any]]) -> Self:
        """The people of another object's `memory`."""
        return cls(memory["shares"], memory["pieces"], memory["last"], memory["picture"])

    def memory(self) -> dict[str, NDArray[Any]]:
        """Arrays that `recalled` takes in another process."""
        return {"shares": self.shares, "pieces": self.pieces, "last": self.last, "picture": self.picture}

    @property
    def kept(self) -> Small:
        """Where the one who is kept is: uint8 (h, w), 0 or 1."""
        return np.asarray(owners(self.shares) == 1, np.uint8)

    @property
    def numbers(self) -> Small:
        """Whose each pixel is, uint8 (h, w): 0 nobody's, 1 of the one who is kept, 2 and on of others, or PIECE."""
        return np.where(self.pieces > 0, PIECE, owners(self.shares).clip(max=PIECE - 1)).astype(np.uint8)

    def follow(self, mask: Small, picture: Small, *, moved: bool = True) -> "People":
        """The same people where they are in `mask`, which is of the next frame, or, if nobody has moved, of this one."""
        regions, areas = connected(mask)
        shares = np.stack([fitted(each, mask.shape) for each in self.shares])
        counts = counted(regions, len(areas), shares)
        if moved and shared(counts.argmax(axis=0)):
            shares = carried(shares, fitted(self.picture, mask.shape), picture)
            counts = counted(regions, len(areas), shares)
        homes = counts.argmax(axis=0)  # the region of each; 0 for who is away
        last = fitted(self.last, mask.shape)
        if not homes[0]:
            homes[0] = unclaimed(regions, areas, homes, last)
        came_off = counts[:, 0] + np.bincount(regions[fitted(self.pieces, mask.shape) > 0], minlength=len(areas))
        least = max(BYSTANDER * np.count_nonzero(last), MIN_SHARE * mask.size)
        now, pieces, new = np.zeros_like(shares), np.zeros_like(mask), []
        for region in range(1, len(areas)):
            inside, there = regions == region, np.flatnonzero(homes == region)
            if len(there) == 1:
                now[there[0]] = inside
            elif len(there):
                now[there] = divided(shares[there], inside)
            elif came_off[region] > CAME_OFF * areas[region]:
                pieces[inside] = 1
            elif areas[region] >= least:
                new.append(inside.astype(np.float32))
        if homes[0] and np.count_nonzero(homes == homes[0]) == 1:
            last = now[0].astype(np.uint8)
        others = [share for share in now[1:] if share.any()]
        return People(np.stack([now[0], *others, *new]), pieces, last, picture)

    def largest_other(self) -> Small:
        """Where the largest of the others is: uint8 (h, w), 0 or 1; nowhere if there are none."""
        owned = owners(self.shares)
        pieces, areas = connected(self.pieces)
        others = [owned == number for number in range(2, len(self.shares) + 1)]
        others += [pieces == piece for piece in range(1, len(areas))]
        return np.asarray(max(others, key=np.count_nonzero, default=np.zeros_like(pieces)), np.uint8)

    def keeping(self, region: Small) -> "People":
        """The same people, of whom the one in a region is now the one who is kept."""
        there = set(owners(self.shares)[region > 0])
        others = [share for number, share in enumerate(self.shares, 1) if number not in there and share.any()]
        return replace(self, shares=np.stack([region.astype(np.float32), *others]), pieces=np.zeros_like(region), last=region)


def grey_picture(frame: Frame, size: tuple[int, int]) -> Small:
    """A frame in grey, in the size of a small mask: what `People` compare."""
    return np.asarray(cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def connected(mask: Small) -> tuple[Labels, NDArray[np.int32]]:
    """The connected regions of a small mask, numbered from 1 on, 0 where there is none; and their areas, that of 0 as 0."""
    _, regions, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = np.array(statistics[:, cv2.CC_STAT_AREA], np.int32)
    areas[0] = 0
    return np.asarray(regions, np.int32), areas


def fitted(small: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """A small picture or mask in another size, if it is of another."""
    return small if small.shape == size else cv2.resize(small, size[::-1], interpolation=cv2.INTER_NEAREST)


def owners(shares: Shares) -> Labels:
    """Whose each pixel is: int32 (h, w), 0 where it is nobody's, and from 1 on."""
    owned, most = np.zeros(shares.shape[1:], np.int32), np.full(shares.shape[1:], OWNED, np.float32)
    for number, share in enumerate(shares, 1):
        owned[share > most] = number
        np.maximum(most, share, out=most)
    return owned


def counted(regions: Labels, number: int, shares: Shares) -> NDArray[np.int64]:
    """How many pixels of each of so many regions are whose, (regions, n); those of region 0, the background, count as none."""
    columns = len(shares) + 1
    counts = np.bincount((regions * columns + owners(shares)).ravel(), minlength=number * columns).reshape(number, columns)
    counts[0] = 0
    return counts[:, 1:]


def shared(homes: NDArray[np.intp]) -> bool:
    """Whether two people are in one region."""
    present = homes[homes > 0]
    return len(np.unique(present)) < len(present)


def unclaimed(regions: Labels, areas: NDArray[np.int32], homes: NDArray[np.intp], last: Small) -> int:
    """The region where somebody was last and nobody else is now, which covers most of them; 0 if there is none."""
    counts = np.bincount(regions[last > 0], minlength=len(areas))
    counts[0] = counts[homes] = 0
    return int(counts.argmax())


def carried(shares: Shares, before: Small, now: Small) -> Shares:
    """The shares of one frame in the next, moved along with the pictures."""
    flow = flow_to(now, before, cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM))
    return np.stack([warp(share, flow) for share in shares])


def divided(shares: Shares, inside: NDArray[np.bool_]) -> Shares:
    """The shares that people have in a region; of several, each needs the least size of a person."""
    owned = np.where(inside, owners(shares), 0)
    sizes = np.bincount(owned.ravel(), minlength=len(shares) + 1)[1:]
    staying = sizes >= MIN_SHARE * inside.size
    if not staying.any():
        staying[sizes.argmax()] = True
    result = np.zeros_like(shares)
    if np.count_nonzero(staying) == 1:
        result[staying.argmax()] = inside
        return result
    total = shares[staying].sum(axis=0)
    known = inside & (total >= 0.5)
    sharp = ((shares[staying] / np.maximum(total, 0.5) - 0.5) * SHARPER + 0.5).clip(0, 1)
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(int(nearest.max()) + 1, np.intp)
    places[nearest[known]] = np.flatnonzero(known)
    filled = sharp.reshape(len(sharp), -1)[:, places[nearest]]
    result[staying] = np.where(inside, filled, 0)
    return result
