"""A body from the parametric model `anny`: its mesh, posed, and the places on it that hair, clothes and glasses hold on to."""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import InputError
from train.people import gestures
from train.people.person import Person
from train.people.skeleton import Floats, Skeleton, about

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Template:
    """What is the same for all bodies. Canonical: of the mean body, standing, in metres; it looks along -y, up is +z."""

    model: Any
    canonical: Floats  # (V, 3)
    faces: Ints  # (F, 4)
    uv: Floats  # (F, 4, 2)
    skin: NDArray[np.bool_]  # (V,): neither eyes nor tongue
    eyes: tuple[Ints, Ints]  # vertices of the left and the right one
    ears: Floats  # (V,): 1 on the ears
    face: Floats  # (V,): 1 on the face
    lips: Floats  # (V,)
    masks: Path  # folder of pictures on the texture's coordinates


@dataclass(frozen=True)
class Body:
    """One posed body, in metres."""

    template: Template
    vertices: Floats  # (V, 3)
    normals: Floats  # (V, 3), outwards
    bones: dict[str, Floats]  # frames (4, 4)
    head: Floats  # (3, 3): the head's own left, back and up, in columns
    scale: float  # of the head, to the mean one

    def on_head(self, points: Floats) -> Floats:
        """Canonical places (N, 3) near the head, where they are on this one: turned, scaled and moved with it."""
        eyes = (self.bones["eye.L"][:3, 3] + self.bones["eye.R"][:3, 3]) / 2
        return np.asarray(eyes + self.scale * (points - CANONICAL_EYES) @ self.head.T)


CANONICAL_EYES = np.array([0.0, -0.107, 0.649])


def check_installed() -> None:
    """Raises InputError where the model is not installed."""
    for package in ("anny", "scipy"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{package} is not installed; type: pip install 'semantic-human-matting[people]'")


@lru_cache(maxsize=1)
def template() -> Template:
    """The model, read once. The first time that a user does this, anny works some minutes to fill its cache."""
    import warp

    warp.config.log_level = warp.LOG_ERROR
    import anny

    model = anny.Anny(
        local_changes="default",
        facial_actions="all",
        phenotypes="all",
        topology="anny-quads",
        pose_parameterization="local-bone",
    )
    mean = model(pose_parameters=None, phenotype_kwargs=dict.fromkeys(model.phenotype_labels, 0.5))
    canonical = mean["vertices"][0].double().numpy()
    faces = model.faces.numpy().astype(np.int64)
    corners = model.face_texture_coordinate_indices.numpy()
    uv = model.texture_coordinates.numpy()[corners]
    masks = Path(anny.__file__).parent / "data/mpfb2/textures"
    own = _islands(faces, len(canonical))
    sizes = np.bincount(own)
    skin = own == int(np.argmax(sizes))
    eyes = [np.flatnonzero(own == i) for i in np.flatnonzero(sizes == 72)]
    left, right = sorted(eyes, key=lambda island: -canonical[island, 0].mean())
    at = np.zeros((len(canonical), 2))
    at[faces.ravel()] = uv.reshape(-1, 2)
    ears, face, lips = (_sampled(masks / f"mpfb_{name}.jpg", at) for name in ("ears", "face", "lips"))
    return Template(model, canonical, faces, uv, skin, (left, right), ears, face, lips, masks)


def build(person: Person) -> Body:
    """The body of a person in its pose."""
    import torch

    kind = template()
    model = kind.model
    settings = {
        "phenotype_kwargs": dict(person.shape),
        "local_changes_kwargs": dict(person.features),
        "facial_actions": dict(person.expression),
    }
    with torch.no_grad():
        rest = model(pose_parameters=None, **settings)
        parents = [int(p) for p in model.bone_parents]
        skeleton = Skeleton(list(model.bone_labels), parents, rest["rest_bone_poses"][0].double().numpy())
        _pose(skeleton, person)
        turns = np.tile(np.eye(4), (len(parents), 1, 1))
        turns[:, :3, :3] = skeleton.turns
        turns[0] = skeleton.rest[0]
        pose = torch.from_numpy(turns).float()[None]
        output = model(pose_parameters=pose, **settings)
    vertices = output["vertices"][0].double().numpy()
    frames = output["bone_poses"][0].double().numpy()
    bones = dict(zip(model.bone_labels, frames, strict=True))
    head_bone = model.bone_labels.index("head")
    turned = frames[head_bone, :3, :3] @ skeleton.rest[head_bone, :3, :3].T
    wide = np.ptp(vertices[kind.ears > 0.5] @ turned[:, 0]), np.ptp(kind.canonical[kind.ears > 0.5, 0])
    return Body(kind, vertices, vertex_normals(vertices, kind.faces), bones, turned, float(wide[0] / wide[1]))


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Normals (V, 3) of a mesh of quads (F, 4), whose last corner is -1 where it is a triangle; weighted by area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    d = np.where((faces[:, 3] < 0)[:, None], a, vertices[faces[:, 3]])
    across = np.cross(c - a, d - b)
    normals = np.zeros_like(vertices)
    for corner in range(4):
        here = faces[:, corner] >= 0
        np.add.at(normals, faces[here, corner], across[here])
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def _pose(skeleton: Skeleton, person: Person) -> None:
    yaw, pitch, roll = person.head
    lean, side, twist = person.torso
    x, y, z = np.eye(3)
    for bone in ("spine04", "spine02"):
        skeleton.turn(bone, about(z, twist / 2) @ about(x, lean / 2) @ about(y, side / 2))
    for bone, share in (("neck01", 0.25), ("neck03", 0.3), ("head", 0.45)):
        skeleton.turn(bone, about(z, yaw * share) @ about(x, pitch * share) @ about(y, roll * share))
    gestures.apply(skeleton, person.gesture, person.mirrored, np.random.default_rng(person.seed + 1))


def _islands(faces: Ints, count: int) -> Ints:
    """Which connected piece each vertex (V,) is of."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    graph = coo_matrix((np.ones(len(start)), (start, end)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _sampled(picture: Path, uv: Floats) -> Floats:
    """The brightness in [0, 1] of a picture at texture coordinates (N, 2)."""
    import cv2

    grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise InputError(f"{picture}: cannot be read; reinstall anny")
    grey = cv2.blur(grey, (9, 9))
    height, width = grey.shape
    columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    return np.asarray(grey[rows, columns] / 255.0)
