"""Bodies and hair as anny gives them. Without anny these are skipped, which says so."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny", reason="needs anny: pip install '.[people]'")

from train.people.body import Body, build
from train.people.casting import cast
from train.people.garments import coverage
from train.people.hair import Head, Surface, grow
from train.people.hairstyles import STYLES
from train.people.person import Person
from train.people.scalp import beard, brows, roots, scalp
from train.people.stage import save, stage


def with_style(style: str, seed: int = 3) -> Person:
    person = cast(seed)
    kind = STYLES[style]
    hair = replace(person.hair, style=style, length=kind.length[1], curl=kind.curl[1], lift=kind.lift[0], strands=800)
    return replace(person, hair=hair, wearables=(), gesture="hanging", expression={}, head=(0.2, 0.0, 0.0))


@pytest.fixture(scope="module")
def body() -> Body:
    return build(with_style("short"))


def test_a_body_is_whole_and_upright(body: Body) -> None:
    assert np.isfinite(body.vertices).all()
    assert np.linalg.det(body.head) == pytest.approx(1, abs=1e-3)
    assert 0.8 < body.scale < 1.2
    assert body.bones["head"][2, 3] > body.bones["spine01"][2, 3] > body.bones["wrist.L"][2, 3]


def test_hair_grows_on_the_scalp_and_not_on_the_face(body: Body) -> None:
    kind, dice = body.template, np.random.default_rng(1)
    grown = roots(body, scalp(kind), 2000, dice)
    assert len(grown) == 2000
    assert (grown.local[:, 2] > -0.1).all()
    assert not ((grown.local[:, 1] < 0.03) & (grown.local[:, 2] < 0.02)).any()
    for density in (scalp(kind), brows(kind), beard(kind, "full"), beard(kind, "moustache"), beard(kind, "goatee")):
        assert 0 <= density.min() < density.max() <= 1
        mirrored = np.abs(kind.canonical[density > 0.5].mean(0)[0])
        assert mirrored < 0.01  # the same on both sides
    assert not ((beard(kind, "full") > 0.5) & (kind.lips > 0.5)).any()


@pytest.mark.parametrize("style", STYLES)
def test_strands_stay_out_of_the_skin_and_off_the_face(body: Body, style: str) -> None:
    dice = np.random.default_rng(5)
    surface = Surface(body, np.zeros(len(body.vertices)))
    person = with_style(style)
    own = roots(body, scalp(body.template), 800, dice)
    strands = grow(person.hair, body, own, surface, dice)
    assert np.isfinite(strands.points).all()
    depth, _ = surface.depth(strands.points[:, 1:].reshape(-1, 3))
    assert (depth > -0.002).mean() > 0.995
    lengths = np.linalg.norm(np.diff(strands.points, axis=1), axis=2).sum(1)
    assert 0.3 * person.hair.length < np.median(lengths) < 2.5 * person.hair.length + 0.2
    local = Head(body).local(strands.points[:, -1])
    on_face = (np.abs(local[:, 0]) < 0.035) & (local[:, 1] < 0.0) & (local[:, 2] < 0.0) & (local[:, 2] > -0.1)
    assert on_face.mean() < 0.01


def test_a_ponytail_is_gathered_behind_the_head(body: Body) -> None:
    dice = np.random.default_rng(5)
    surface = Surface(body, np.zeros(len(body.vertices)))
    own = roots(body, scalp(body.template), 800, dice)
    strands = grow(with_style("ponytail").hair, body, own, surface, dice)
    knot = Head(body).local(strands.points[:, 10])
    assert np.ptp(knot, axis=0).max() < 0.06
    assert knot[:, 1].mean() > 0.12


def test_a_hat_holds_the_hair_under_it(body: Body) -> None:
    dice = np.random.default_rng(5)
    surface = Surface(body, np.zeros(len(body.vertices)))
    own = roots(body, scalp(body.template), 800, dice)
    strands = grow(with_style("long straight").hair, body, own, surface, dice, ("beanie",))
    points = strands.points.reshape(-1, 3)
    under = Head(body).local(points)[:, 2] > 0.07
    assert surface.depth(points[under])[0].max() < 0.011


def test_garments_cover_the_chest_and_leave_face_and_hands(body: Body) -> None:
    kind = body.template
    for person in (cast(seed) for seed in range(40)):
        field = coverage(person.garment, kind.canonical)
        chest = (np.abs(kind.canonical[:, 0]) < 0.1) & (kind.canonical[:, 2] < 0.2) & (kind.canonical[:, 2] > 0.0)
        assert (field[chest] > 0).all()
        assert (field[(kind.face > 0.5) & (kind.canonical[:, 2] > 0.56)] < 0).all()
        assert (field[(np.abs(kind.canonical[:, 0]) > 0.47)] < 0).all()


def test_the_same_person_gives_the_same_scene_and_each_place_in_it_is_a_number(tmp_path: Path) -> None:
    person = replace(cast(11), wearables=("glasses", "headset", "cap", "earrings"), beard="full")
    person = replace(person, hair=replace(person.hair, strands=500))
    for name in ("one", "two"):
        save(stage(person), tmp_path / f"{name}.npz")
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert set(one) == set(two)
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
            if name != "scene":
                assert np.isfinite(one[name]).all()
        scene = json.loads(str(one["scene"]))
        for mesh in scene["meshes"]:
            assert one[mesh["faces"]["array"]].max() < len(one[mesh["vertices"]["array"]])
    assert {"body", "eye.L", "trousers", "hat"} <= {mesh["name"] for mesh in scene["meshes"]}
    assert [hair["name"] for hair in scene["hairs"]] == ["hair", "brows", "beard"]
