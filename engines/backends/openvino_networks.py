"""The three networks on a frame in OpenVINO: what each is given, and what passes from one to the next.

OpenCV resizes a frame for them, and cuts the tiles of it that MRN's details see.
"""

from functools import cache

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from engines.confirming import CONFIRMING, keep_confirmed
from engines.engine import Frame, Mask
from engines.focus import take_where_blurred
from engines.geometry import BASE, input_shapes, mpn_size
from engines.tiles import HALO, TILE, layout

STRIP = 64  # rows of a frame that are averaged at once
FINE = np.uint16(256)  # of a level, in averages of a large frame in 16 bits: half the bytes of floats
UNIT = np.float32(1 / 255)
UNCLEARED = "output"  # its masks, (1, 2, h, w), before what is nowhere sure is set to 0
BATCH = 32  # tiles that MRN's details see at once

Models = dict[str, ov.CompiledModel]
Requests = dict[str, ov.InferRequest]  # of the graphs, chained; they hold buffers, so frames pass one at a time


def part_shapes(height: int, width: int, model: str, channels: int) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shape of each input of the graphs of PARTS, for frames of one size. `channels`: of MRN's features, and the logit."""
    shapes = input_shapes(height, width, model)
    mask = shapes["mrn"]["unified"]
    side = TILE + 2 * HALO
    return {
        "mpn-low": {"seen": (1, 3, *mpn_size(height, width, model))},
        CONFIRMING: {"seen": (1, 3, *mpn_size(height, width, BASE))},
        "qun": shapes["qun"],
        "mrn-features": {name: shapes["mrn"][name] for name in ("doubled", "unified")},
        "mrn-details": {
            "tiles": (BATCH, side, side, 3),
            "all_features": (1, channels, *mask),
            "places": (1, BATCH * (TILE // 2 + 2), TILE // 2 + 2, 2),
        },
    }


def shrink(frame: Frame, doubled: NDArray[np.float32], image: NDArray[np.float32]) -> None:
    """Write a frame at twice the low resolution (3,2h,2w), and at it (3,h,w), as `engines.geometry` has it, in [0, 1].

    By OpenCV, as OpenVINO's own resizing takes several times as long; exact to 2e-5.
    """
    (height, width), (high, wide) = frame.shape[:2], doubled.shape[1:]
    halved = (max(height // 2, high), max(width // 2, wide))
    if height == 2 * halved[0]:
        half, levels_of_strip = np.empty((*halved, 3), np.uint16), np.empty((STRIP, width, 3), np.uint16)
        for top in range(0, height, STRIP):  # a strip stays in the cache, a large frame does not
            strip, rows = half[top // 2 : (top + STRIP) // 2], frame[top : top + STRIP]
            fine = np.multiply(rows, FINE, out=levels_of_strip[: len(rows)], dtype=np.uint16)
            cv2.resize(fine, strip.shape[1::-1], dst=strip)
        for plane, fine in zip(doubled, cv2.split(cv2.resize(half, (wide, high))), strict=True):
            np.multiply(fine, UNIT / FINE, out=plane)
    else:
        for plane, levels in zip(doubled, cv2.split(frame), strict=True):
            floats: NDArray[np.float32] = levels.astype(np.float32)
            if halved != (high, wide):
                floats = np.asarray(cv2.resize(floats, halved[::-1]), np.float32)
            cv2.resize(floats, (wide, high), dst=plane)
            np.multiply(plane, UNIT, out=plane)  # last, as it is smaller than most frames
    for plane, low in zip(doubled, image, strict=True):
        cv2.resize(plane, low.shape[::-1], dst=low, interpolation=cv2.INTER_AREA)


def look(doubled: NDArray[np.float32], seen: NDArray[np.float32]) -> None:
    """Write the doubled picture (3,2h,2w) of `shrink` at MPN's size."""
    for plane, at_size in zip(doubled, seen, strict=True):
        cv2.resize(plane, at_size.shape[::-1], dst=at_size)


def refine_tiles(features: ov.InferRequest, details: ov.InferRequest, frame: Frame, unified: Mask) -> tuple[Mask, Frame]:
    """MRN by tiles: alpha and foreground of a frame. Nothing is computed where the mask is sure and nothing goes on."""
    tiled = layout(*frame.shape[:2])
    unsure = tiled.unsure(unified)
    alpha, foreground = tiled.sure_alpha(unified), frame.copy()
    if not unsure.any():
        return alpha, foreground
    features.infer()
    tiles = details.get_tensor("tiles").data
    places = details.get_tensor("places").data.reshape(BATCH, TILE // 2 + 2, TILE // 2 + 2, 2)
    alphas, foregrounds = details.get_tensor("alpha").data, details.get_tensor("foreground").data
    seen = np.zeros_like(unsure)
    while unsure.any():
        for batch in tiled.batches(unsure, BATCH):
            tiled.cut(frame, batch, tiles, places)
            details.infer()
            tiled.paste(batch, alphas, foregrounds, alpha, foreground)
        seen |= unsure
        unsure = tiled.goes_on(seen, alpha)
    return alpha, foreground


def chain(models: Models) -> Requests:
    """Requests that share tensors: the outputs of one network are the inputs of the next, but for MPN, of another size."""
    requests = {name: model.create_infer_request() for name, model in models.items()}
    requests["mrn-features"].set_tensor("unified", requests["qun"].get_tensor("unified"))
    all_features = requests["mrn-details"].get_tensor("all_features").data
    for name, channels in (("features", np.s_[:, :-1]), ("logit", np.s_[:, -1:])):
        requests["mrn-features"].set_tensor(name, ov.Tensor(all_features[channels], shared_memory=True))
    return requests


def shrink_into(requests: Requests, frame: Frame) -> None:
    """Write a frame, at both sizes, into the inputs of QUN and of MRN's features."""
    doubled, image = requests["mrn-features"].get_tensor("doubled"), requests["qun"].get_tensor("image")
    shrink(frame, doubled.data[0], image.data[0])


def predict(requests: Requests) -> Mask:
    """MPN on the frame of `shrink_into`: the coarse mask, in the input of QUN."""
    _see(requests, "mpn-low")
    coarse: Mask = requests["qun"].get_tensor("coarse").data
    cv2.resize(requests["mpn-low"].get_tensor("mask").data, coarse.shape[::-1], dst=coarse)
    if CONFIRMING in requests:
        other = cache(lambda: _confirming(requests))
        take_where_blurred(coarse, requests["qun"].get_tensor("image").data[0], lambda: other().get_tensor("mask").data)
        # The slightest doubt counts: where it is sure of nobody, too.
        keep_confirmed(coarse, lambda: other().get_tensor(UNCLEARED).data[0, 0])
    return coarse


def _see(requests: Requests, mpn: str) -> None:
    """Run an MPN on the frame of `shrink_into`."""
    look(requests["mrn-features"].get_tensor("doubled").data[0], requests[mpn].get_tensor("seen").data[0])
    requests[mpn].infer()


def _confirming(requests: Requests) -> ov.InferRequest:
    """The base model's MPN, with its masks of the frame, of its own size."""
    _see(requests, CONFIRMING)
    return requests[CONFIRMING]
