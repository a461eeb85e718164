"""A scene and its camera as numbers: what a worker draws and the device renders. Arrays of fixed shapes, so that they batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data.camera import Grain, Tint
from train.data.library import Subject
from train.data.props import Piece
from train.data.scenes import Layer, Scene, tint_of

PEOPLE = 3  # at most in a scene
BEHIND, HELD, BEFORE, WORN = 3, 2, 1, 1  # props, at most
CORNERS = 34  # of a prop's outline, at most
KERNEL = 13  # pixels, of a blur: holds a Gaussian of MAX_SIGMA
NOBODY = -1
NO_PROP, FLAT, PIECE, SEE_THROUGH = range(4)  # kinds of a prop's surface; SEE_THROUGH shows what is behind the people

Arrays = dict[str, NDArray[np.generic]]


def tint_numbers(tint: Tint) -> list[float]:
    """Seven numbers: gamma, gain, contrast, three of white balance, colour."""
    return [tint.gamma, tint.gain, tint.contrast, *tint.balance, tint.colour]


@dataclass(frozen=True)
class Places:
    """Where pictures are among the textures. `clean`: fine photos without the background that shines through their edges.

    `unknown`: of photos, where their masks say nothing.
    """

    subjects: Mapping[Subject, int]
    clean: Mapping[Subject, int]
    backgrounds: Mapping[Path, int]
    unknown: Mapping[Subject, int]


def scene_arrays(scene: Scene, places: Places) -> Arrays:
    """A scene's layers and props."""
    back, people = (None, scene.layers) if scene.photo else (scene.layers[0], scene.layers[1:])
    arrays: Arrays = {
        "background": np.array(NOBODY if back is None else places.backgrounds[_path(back)], np.int64),
        "background_place": np.eye(2, 3, dtype=np.float32) if back is None else back.place,
        "background_tint": np.array(tint_numbers(Tint() if back is None else tint_of(back)), np.float32),
        "photo": np.array(scene.photo),
        "photo_source": np.array(NOBODY, np.int64),  # as it was taken; `person` has it clean
        "photo_unknown": np.array(NOBODY, np.int64),
        "person": np.full(PEOPLE, NOBODY, np.int64),
        "person_place": np.tile(np.eye(2, 3, dtype=np.float32), (PEOPLE, 1, 1)),
        "person_tint": np.tile(np.array(tint_numbers(Tint()), np.float32), (PEOPLE, 1)),
        "person_feather": np.zeros(PEOPLE, bool),
    }
    for slot, layer in enumerate(people):
        assert isinstance(layer.source, Subject)
        as_taken = places.subjects[layer.source]
        arrays["person"][slot] = places.clean.get(layer.source, as_taken)
        if scene.photo:
            arrays["photo_source"] = np.array(as_taken, np.int64)
            arrays["photo_unknown"] = np.array(places.unknown.get(layer.source, NOBODY), np.int64)
        arrays["person_place"][slot] = layer.place
        arrays["person_tint"][slot] = tint_numbers(tint_of(layer))
        arrays["person_feather"][slot] = layer.feather
    return arrays | props_arrays(scene, places.backgrounds)


def _path(layer: Layer) -> Path:
    assert isinstance(layer.source, Path)
    return layer.source


def props_arrays(scene: Scene, backgrounds: Mapping[Path, int]) -> Arrays:
    """Props behind people in the first BEHIND slots, then those that they hold, those before them, and clothes."""
    slots = BEHIND + HELD + BEFORE + WORN
    arrays: Arrays = {
        "prop_kind": np.full(slots, NO_PROP, np.int64),
        "prop_outline": np.zeros((slots, CORNERS, 2), np.float32),
        "prop_colour": np.zeros((slots, 3), np.float32),
        "prop_source": np.zeros(slots, np.int64),
        "prop_window": np.tile(np.array([0, 0, 1, 1], np.float32), (slots, 1)),
    }
    placed = [*enumerate(scene.behind), *enumerate(scene.held, BEHIND), *enumerate(scene.before, BEHIND + HELD)]
    placed += enumerate(scene.worn, BEHIND + HELD + BEFORE)
    for slot, prop in placed:
        corners = np.array(prop.outline, np.float32)
        arrays["prop_outline"][slot] = corners[-1]  # an edge from a corner to itself crosses nothing
        arrays["prop_outline"][slot, : len(corners)] = corners
        if prop.surface is None:
            arrays["prop_kind"][slot] = SEE_THROUGH
        elif isinstance(prop.surface, Piece):
            arrays["prop_kind"][slot] = PIECE
            arrays["prop_source"][slot] = backgrounds[prop.surface.path]
            arrays["prop_window"][slot] = prop.surface.window
        else:
            arrays["prop_kind"][slot] = FLAT
            arrays["prop_colour"][slot] = prop.surface
    return arrays


def grain_arrays(grain: Grain) -> Arrays:
    """Blur as a kernel (KERNEL, KERNEL); defocus and noise as sigmas, and whether noise is smooth; JPEG quality. 0: none."""
    kernel = np.zeros((KERNEL, KERNEL), np.float32)
    if isinstance(grain.blur, float):
        row = np.exp(-((np.arange(KERNEL) - KERNEL // 2) ** 2) / (2 * grain.blur**2))
        kernel[:] = np.outer(row, row) / row.sum() ** 2
    elif grain.blur is not None:
        margin = (KERNEL - len(grain.blur)) // 2
        kernel[margin : margin + len(grain.blur), margin : margin + len(grain.blur)] = grain.blur
    return {
        "blurred": np.array(grain.blur is not None),
        "kernel": kernel,
        "defocus": np.array(grain.defocus or 0.0, np.float32),
        "noise": np.array(grain.noise.sigma if grain.noise else 0.0, np.float32),
        "noise_smooth": np.array(grain.noise.smooth if grain.noise else False),
        "noise_seed": np.array(grain.noise.seed if grain.noise else 0, np.int64),
        "quality": np.array(grain.quality or 0, np.int64),
    }
