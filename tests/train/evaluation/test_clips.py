"""Clips with known alpha: what they are composed of, that they stay the same, and that they read back as sets."""

import itertools
import random
import sys

import cv2
import numpy as np
import pytest

from tests.train.conftest import figure, scenery, write
from train.commands import evaluate
from train.data.cut_outs import MovingLayer, cut_out, plate
from train.evaluation import clips
from train.evaluation.metrics import dtssd
from train.evaluation.scores import open_set, read_item


@pytest.fixture
def people(tmp_path):
    """Three pictures of a figure before waves, one of them upright."""
    for number, (height, width) in enumerate([(75, 101), (90, 120), (120, 90)]):
        colours, back, alpha = scenery(height, width, number), scenery(height, width, 10 + number), figure(height, width)
        front = alpha[..., None] / 255.0
        write(tmp_path / f"people/images/{number}.png", np.round(front * colours + (1 - front) * back).astype(np.uint8))
        write(tmp_path / f"people/alphas/{number}.png", alpha)
    return tmp_path / "people"


def make(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["shm-eval", "clips", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        evaluate.main()
    return end.value.code or 0, capsys.readouterr().err


def layers(people):
    first, second, _ = open_set(people).items
    return cut_out(first, 800), plate(second, 800)


def bits(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def test_clips_are_sets_and_the_same_every_time(monkeypatch, capsys, people, tmp_path):
    arguments = ("--people", people, "--count", "4", "--frames", "9", "--long-side", "96")
    for name in ("one", "two"):
        assert make(monkeypatch, capsys, tmp_path / name, *arguments)[0] == 0
    assert bits(tmp_path / "one") == bits(tmp_path / "two")
    folders = sorted((tmp_path / "one").iterdir())
    assert [folder.name.split("-")[1] for folder in folders] == list(clips.KINDS)
    for folder in folders:
        items = open_set(folder).items
        assert [item.stem for item in items] == [f"{index:04d}" for index in range(9)]
        for item in items:
            frame, truth = read_item(item)
            assert max(frame.shape) == 96
            assert not any(side % 2 for side in truth.shape)
            assert 0.1 < truth.mean() < 0.8
    assert make(monkeypatch, capsys, tmp_path / "three", *arguments, "--seed", "2")[0] == 0
    assert bits(tmp_path / "three") != bits(tmp_path / "one")


def test_an_existing_clip_is_kept(monkeypatch, capsys, people, tmp_path):
    arguments = (tmp_path / "out", "--people", people, "--count", "1", "--frames", "8")
    assert make(monkeypatch, capsys, *arguments)[0] == 0
    [folder] = (tmp_path / "out").iterdir()
    (folder / "images/0000.jpg").write_bytes(b"mine")
    assert make(monkeypatch, capsys, *arguments)[0] == 0
    assert (folder / "images/0000.jpg").read_bytes() == b"mine"


def test_a_run_that_is_stopped_leaves_no_half_a_clip(monkeypatch, capsys, people, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(clips.Camera, "__call__", stop)
    code, _ = make(monkeypatch, capsys, tmp_path / "out", "--people", people, "--count", "2", "--frames", "8")
    assert code == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_the_frames_are_equation_one(people):
    """Before any camera, on a white person before a black background the frame is the alpha."""
    person, _ = layers(people)
    white = MovingLayer(np.full_like(person.colours, 255), person.alpha)
    black = MovingLayer(np.zeros_like(person.colours))
    for picture, alpha in clips.clean_frames(white, black, clips.KINDS["talk"], 5, 3):
        assert picture.shape == (74, 100, 3)
        assert np.allclose(picture, 255 * alpha[..., None], atol=1e-3)


def test_a_layer_that_is_not_moved_is_itself(people):
    person, _ = layers(people)
    height, width = person.colours.shape[:2]
    colours, alpha = clips.placed(person, np.eye(2, 3, dtype=np.float32), 0.0, (height, width))
    assert np.abs(colours - person.colours).max() <= 1
    assert np.abs(alpha - person.alpha).max() < 2 / 255


def test_a_shift_is_a_shift(people):
    person, _ = layers(people)
    height, width = person.colours.shape[:2]
    place = np.array([[1, 0, 10 / height], [0, 1, 0]], np.float32)
    _, alpha = clips.placed(person, place, 0.0, (height, width))
    assert np.abs(alpha[:, 10:] - person.alpha[:, :-10]).max() < 2 / 255


def test_people_of_a_smaller_scale_are_smaller_and_end_where_their_picture_does(people):
    person, _ = layers(people)
    white = MovingLayer(np.full_like(person.colours, 255), np.ones_like(person.alpha))
    black = MovingLayer(np.zeros_like(person.colours))
    for _, alpha in clips.clean_frames(white, black, clips.KINDS["desk"], 3, 3, scale=0.4):
        assert alpha.mean() == pytest.approx(0.4**2 * 1.03**2, rel=0.05)
        assert alpha[:, 0].max() == alpha[:, -1].max() == alpha[0].max() == 0


def changes(kind, frames=60):
    """How far the person's middle moves from frame to frame, in heights."""
    motion = clips.Motion(clips.KINDS[kind], frames, random.Random(5))
    places = [motion.frame(index)[0][:, 2] for index in range(frames)]
    return [float(np.abs(b - a).max()) for a, b in itertools.pairwise(places)]


def test_kinds_move_as_they_say():
    assert max(changes("desk")) < 0.002 < max(changes("talk")) < 0.02
    steps = [change for change in changes("step") if change]
    assert 1 <= len(steps) <= clips.KINDS["step"].jumps
    assert max(steps) > 0.04


def test_the_background_has_nobody_left(tmp_path):
    """A red figure before grey leaves no red, and the colours around flow in where it stood."""
    alpha = figure(90, 120)
    picture = np.where(alpha[..., None] > 0, np.array([255, 0, 0]), np.array([120, 120, 120])).astype(np.uint8)
    write(tmp_path / "set/images/a.png", picture)
    write(tmp_path / "set/alphas/a.png", alpha)
    [item] = open_set(tmp_path / "set").items
    assert np.abs(plate(item, 800).colours.astype(int) - 120).max() <= 1


def test_the_camera_is_noisy_and_its_clip_is_watchable(people):
    person, background = layers(people)
    clean = [picture for picture, _ in clips.clean_frames(person, background, clips.KINDS["talk"], 6, 1)]
    camera = clips.Camera(1)
    noisy = [camera(picture) for picture in clean]
    assert 1 < np.std(noisy[0] - clean[0]) < 14
    coded = list(clips.coded(iter(noisy), clean[0].shape[:2], 26))
    assert len(coded) == len(clean)
    for frame, picture in zip(coded, clean, strict=True):
        assert frame.dtype == np.uint8
        assert cv2.PSNR(frame, picture.clip(0, 255).astype(np.uint8)) > 22
    # Each frame is nearest to its own, so none is late. The person moves little, so the frames are compared without noise.
    shifted = [np.roll(scenery(64, 96, 1), 7 * index, axis=1) for index in range(5)]
    for index, frame in enumerate(clips.coded(iter(shifted), (64, 96), 20)):
        distances = [np.abs(frame.astype(int) - other).mean() for other in shifted]
        assert np.argmin(distances) == index


def test_the_truth_moves_with_the_person(people):
    person, background = layers(people)
    truths = {
        kind: [a for _, a in clips.clean_frames(person, background, clips.KINDS[kind], 8, 2)] for kind in ("desk", "talk")
    }
    moved = {kind: dtssd(t, [t[0]] * len(t)) for kind, t in truths.items()}
    assert moved["talk"] > 2 * moved["desk"] > 0


@pytest.mark.parametrize("case", ["masks", "one", "nobody", "no folder", "a file", "broken"])
def test_bad_input_is_one_line(monkeypatch, capsys, people, tmp_path, case):
    out, more = tmp_path / "out", []
    if case == "masks":
        (people / "alphas").rename(people / "masks")
    elif case == "one":
        for name in ("1", "2"):
            (people / f"images/{name}.png").unlink()
    elif case == "nobody":
        (tmp_path / "bare").mkdir()
        more = ["--backgrounds", tmp_path / "bare"]
    elif case == "no folder":
        more = ["--backgrounds", tmp_path / "nowhere"]
    elif case == "a file":
        out.write_text("mine")
    else:
        (tmp_path / "rooms").mkdir()
        (tmp_path / "rooms/a.png").write_text("no picture")
        more = ["--backgrounds", tmp_path / "rooms"]
    code, err = make(monkeypatch, capsys, out, "--people", people, *more)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
