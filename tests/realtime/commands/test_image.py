import os
import struct
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.realtime.photo_command import read, shm_image
from tests.realtime.plain_engine import PlainEngine, plain_engine


@pytest.fixture(autouse=True)
def engine() -> Iterator[PlainEngine]:
    with plain_engine() as engine:
        yield engine


def a_photo(path: Path, height: int = 40, width: int = 61) -> Path:
    """Left dark red, right white."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:, : width // 2] = (20, 20, 90)
    cv2.imwrite(str(path), pixels)
    return path


def test_gives_straight_alpha(tmp_path: Path, engine: PlainEngine) -> None:
    assert shm_image(a_photo(tmp_path / "a.png"), tmp_path / "out.png") == 0
    pixels = read(tmp_path / "out.png")
    assert pixels.shape == (40, 61, 4)
    assert (pixels[:, :30] == (20, 20, 90, 255 - round(0.299 * 90 + 0.701 * 20))).all()
    assert (pixels[:, 31:, 3] == 0).all()
    assert engine.closed
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "out.png"}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif", ".tiff", ".bmp"])
def test_gives_a_composite(tmp_path: Path, suffix: str) -> None:
    assert shm_image(a_photo(tmp_path / "a.png"), tmp_path / f"out{suffix}", "--bg", "#0000ff") == 0
    assert np.abs(read(tmp_path / f"out{suffix}")[:, 40:].astype(int) - (255, 0, 0)).max() <= 3


def test_gives_alpha_only(tmp_path: Path) -> None:
    assert shm_image(a_photo(tmp_path / "a.png"), tmp_path / "out.jpg", "--alpha-only") == 0
    assert read(tmp_path / "out.jpg").shape == (40, 61)


def test_blur_and_a_picture_as_background(tmp_path: Path) -> None:
    photo = a_photo(tmp_path / "a.png")
    assert shm_image(photo, tmp_path / "b.png", "--bg", "blur") == 0
    assert shm_image(photo, tmp_path / "c.png", "--bg", tmp_path / "b.png", "--fit", "contain") == 0
    assert read(tmp_path / "c.png").shape == (40, 61, 3)


def test_takes_every_kind_of_photo(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (40, 61, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "grey.png"), colour[..., 0])
    cv2.imwrite(str(tmp_path / "deep.png"), colour.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "deep_grey.tiff"), colour[..., 0].astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "float.tiff"), colour.astype(np.float32) / 255)
    cv2.imwrite(str(tmp_path / "palette.gif"), colour)
    cv2.imwrite(str(tmp_path / "two.png"), (colour[..., 0] > 99) * np.uint8(255), [cv2.IMWRITE_PNG_BILEVEL, 1])
    for path in sorted(tmp_path.iterdir()):
        out = tmp_path / f"out_{path.name}.png"
        assert shm_image(path, out) == 0
        assert read(out).shape == (40, 61, 4)
        if path.stem in {"deep", "float"}:
            assert (read(out)[..., :3] == colour * np.uint16(257)).all()


def test_what_was_clear_stays_clear(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[:, 30:, 3] = 255
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png") == 0
    assert (read(tmp_path / "out.png")[..., 3] == pixels[..., 3]).all()


def test_turns_a_photo_upright(tmp_path: Path) -> None:
    exif = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
    pixels = np.zeros((40, 60, 3), np.uint8)
    coded = cv2.imencodeWithMetadata(".jpg", pixels, [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(exif, np.uint8)])[1]
    (tmp_path / "a.jpg").write_bytes(np.asarray(coded).tobytes())
    assert shm_image(tmp_path / "a.jpg", tmp_path / "out.png") == 0
    assert read(tmp_path / "out.png").shape == (60, 40, 4)


def test_a_folder_goes_on_after_a_bad_photo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "c.jpg"):
        a_photo(photos / name)
    (photos / "b.jpg").write_text("no picture")
    (photos / "notes.txt").write_text("not for us")
    assert shm_image(photos, tmp_path / "out") == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", "c.png"}
    errors = capsys.readouterr().err
    assert "b.jpg" in errors
    assert "1 of 3" in errors
    (photos / "b.jpg").unlink()
    assert shm_image(photos, tmp_path / "out", "--overwrite", "--bg", "red") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", "a.jpg", "c.png", "c.jpg"}


def test_a_folder_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: PlainEngine) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    out.mkdir()
    for name in ("a.png", "b.jpg"):
        a_photo(photos / name)
    (out / "a.png").write_bytes(b"done before")
    assert shm_image(photos, out) == 0
    assert "1 pictures written, 1 existed already" in capsys.readouterr().err
    assert (out / "a.png").read_bytes() == b"done before"
    assert engine.calls == 1
    assert shm_image(photos, out) == 0
    assert "0 pictures written, 2 existed already" in capsys.readouterr().err
    assert engine.calls == 1
    assert shm_image(photos, out, "--overwrite") == 0
    assert read(out / "a.png").shape == (40, 61, 4)


def test_a_folder_says_what_was_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.jfif", "c.JPG"):
        a_photo(photos / "x.jpg" if name[0] != "a" else photos / name).rename(photos / name)
    cv2.imwrite(str(photos / "d.gif"), np.zeros((40, 60, 3), np.uint8))
    for name in ("talk.mov", "notes.txt", "raw.cr2", "z.psd", ".hidden"):
        (photos / name).touch()
    assert shm_image(photos, photos / "out") == 0
    assert {path.stem for path in (photos / "out").iterdir()} == set("abcd")
    errors = capsys.readouterr().err
    assert "4 pictures written" in errors
    assert "left out: 4 files that are no photos by their names (notes.txt, raw.cr2, talk.mov, ...)" in errors


def test_photos_of_one_stem_keep_their_whole_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: PlainEngine
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("a.jpg", "a.png", "b.png"):
        a_photo(photos / name)
    for run in (1, 2):
        assert shm_image(photos, out) == 0
        errors = capsys.readouterr().err
        assert "share stems: 2 files, whose results keep their whole names (a.jpg.png, a.png.png)\n" in errors
        assert "3 pictures written" in errors if run == 1 else "0 pictures written, 3 existed already" in errors
        assert sorted(path.name for path in out.iterdir()) == ["a.jpg.png", "a.png.png", "b.png"]
    assert engine.calls == 3


def test_several_photos_may_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], engine: PlainEngine
) -> None:
    """As a shell does of photos/*.jpg; also from several folders, and to the one that they are in."""
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    photos = [a_photo(Path(name)) for name in ("a.jpg", "b.c.jpg", "other/a.png", "other/d.png")]
    assert shm_image(*photos, photos[0], "out") == 0
    assert "4 pictures written" in capsys.readouterr().err
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.jpg.png", "a.png.png", "b.c.png", "d.png"]
    assert read(Path("out/d.png")).shape == (40, 61, 4)
    assert shm_image("a.jpg", "missing.jpg", "b.c.jpg", ".") == 2
    errors = capsys.readouterr().err
    assert "missing.jpg: no such file" in errors
    assert "1 of 3 photos failed" in errors
    assert Path("a.png").is_file()
    assert Path("b.c.png").is_file()
    assert engine.calls == 6


def test_folders_below_are_mirrored(tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: PlainEngine) -> None:
    photos = tmp_path / "photos"
    for folder in ("2024.jpg/summer", "2025", ".cache", "empty"):
        (photos / folder).mkdir(parents=True)
    for name in ("a.png", "2024.jpg/a.png", "2024.jpg/summer/a.b.png", "2025/a.png", ".cache/a.png", "2025/.a.png"):
        a_photo(photos / name)
    (photos / "2025/broken.png").write_text("no picture")
    (photos / "link").symlink_to(tmp_path)
    out = photos / "out"  # which is not entered, on the second run either
    written = {"a.png", "2024.jpg/a.png", "2024.jpg/summer/a.b.png", "2025/a.png"}
    for run in (1, 2):
        assert shm_image(photos, out) == 2
        errors = capsys.readouterr().err
        assert "left out: 1 folders or links to them, which are not entered (link)" in errors
        assert "1 of 5 photos failed" in errors if run == 1 else "0 pictures written, 4 existed already" in errors
        assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == written
    assert engine.calls == 4


def test_keeps_the_one_at_a_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.full((120, 200, 3), 255, np.uint8)
    pixels[20:100, 20:80] = pixels[40:80, 130:160] = 0
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png", "--keep", "70%,50%") == 0
    alpha = read(tmp_path / "out.png")[..., 3]
    assert alpha[45:75, 135:155].min() > 250
    assert alpha[:, :90].max() == 0
    assert shm_image(tmp_path / "a.png", tmp_path / "no.png", "--keep", "199,5") == 2
    assert f"error: {tmp_path / 'a.png'}: nobody is at 199,5; name a point on a person" in capsys.readouterr().err


def test_crops_to_the_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.full((120, 200, 3), 255, np.uint8)
    pixels[30:90, 50:70], pixels[40:60, 100:140] = (10, 0, 0), (20, 0, 0)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    box = np.s_[30 - 9 : 90 + 9, 50 - 9 : 140 + 9]  # a tenth of the width
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png", "--crop", "--margin", 10) == 0
    assert (read(tmp_path / "out.png")[..., :3] == pixels[box]).all()
    assert shm_image(tmp_path / "a.png", tmp_path / "out.jpg", "--crop", "--margin", 10, "--bg", "white") == 0
    assert np.abs(read(tmp_path / "out.jpg").astype(int) - pixels[box]).max() <= 12
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png", "-y", "--crop") == 0
    assert read(tmp_path / "out.png").shape == (60 + 2 * 4, 90 + 2 * 4, 4)
    cv2.imwrite(str(tmp_path / "white.png"), np.full((120, 200, 3), 255, np.uint8))
    capsys.readouterr()
    assert shm_image(tmp_path / "white.png", tmp_path / "none.png", "--crop") == 2
    assert f"error: {tmp_path / 'white.png'}: nobody is there to crop to" in capsys.readouterr().err
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.png", "a.tiff"])
def test_only_the_first_of_several_pictures_is_used_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    first, second = Image.new("RGB", (60, 40), (0, 0, 0)), Image.new("RGB", (60, 40), (255, 255, 255))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    assert shm_image(tmp_path / name, tmp_path / "out.png") == 0
    assert f"{name}: has 2 pictures; only the first is used" in capsys.readouterr().err
    assert read(tmp_path / "out.png")[..., 3].min() > 250


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["missing.jpg", "out.png"], "no such file"),
        (["text.jpg", "out.png"], "broken"),
        (["half.png", "out.png"], "broken"),
        (["empty.png", "out.png"], "broken"),
        (["small.png", "out.png"], "too small"),
        (["nothing", "out"], "no photo"),
        (["a.png", "a.png"], "is the same file as IN a.png"),
        (["a.png", "a.png", "--overwrite"], "is the same file as IN a.png"),
        (["a.png", "link.png", "--overwrite"], "is the same file as IN a.png"),
        (["a.png", "there.png"], "--overwrite"),
        (["a.png", "b.png", "--bg", "b.png", "--overwrite"], "is the same file as --bg b.png"),
        (["a.png", "out.jpg"], "no alpha"),
        (["a.png", "out.xyz"], "unknown kind"),
        (["a.png", "nothing"], "nothing: is a folder; name a picture in it, such as nothing/out.png"),
        (["http://me:secret@host/a.jpg", "out.png"], "error: http://host/a.jpg: is an address; save what is there as a file"),
        (["a.png", "out.png", "--bg", "http://me:secret@host/a.jpg"], "error: --bg: http://host/a.jpg: is an address; save"),
        (["a.png", "out.png", "--bg", ""], "--bg: is empty; name a background, or leave it out"),
        (["a.png", "nowhere/out.png"], "no folder"),
        (["a.png", "out.png", "--bg", "missing.jpg"], "missing.jpg"),
        (["a.png", "out.png", "--bg", "~nouser/missing.jpg"], "~nouser/missing.jpg: no such file"),
        (["a.png", "out.png", "--bg", "text.jpg"], "text.jpg"),
        (["a.png", "out.png", "--bg", "gren"], "green"),
        (["a.png", "out.png", "--bg", "red", "--alpha-only"], "--alpha-only"),
        (["a.png", "out.png", "--bg", "red", "--premultiplied"], "--premultiplied"),
        (["a.png", "out.png", "--margin", "5"], "--crop"),
        (["a.png", "out.png", "--keep", "5;5"], "--keep 5;5: is neither all nor largest nor a point"),
        (["twins", "twins"], "another folder"),
        (["twins", "a.png"], "another folder"),
        (["a.png", "b.png", "beach.jpg"], "beach.jpg: is named like a file, and several photos need a folder"),
        (["twins", "out.png"], "out.png: is named like a file, and several photos need a folder"),
        (["a.png", "twins", "out"], "twins: is a folder; name it alone, or photos alone"),
        (["a.png", "link.png", "there.png"], "there.png: is a file; for several photos, name a folder to write to last"),
        (["a.png", "b.png", ".", "--overwrite"], "is the same file as IN a.png"),
        (["a.png", "twins/a.png", "out"], "would become out/a.png.png, and so would a.png; rename one of them"),
        (["a.png"], "missing argument"),
        (["a.png", "out.png", "--fit", "fill"], "--fit"),
    ],
)
def test_bad_input_is_one_line_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    a_photo(tmp_path / "a.png")
    a_photo(tmp_path / "b.png")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "there.png").write_text("precious")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "half.png").write_bytes((tmp_path / "a.png").read_bytes()[:100])
    (tmp_path / "empty.png").touch()
    cv2.imwrite("small.png", np.zeros((31, 64, 3), np.uint8))
    (tmp_path / "nothing").mkdir()
    (tmp_path / "twins").mkdir()
    for name in ("a.png", "a.jpg"):
        a_photo(tmp_path / "twins" / name)
    before = {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")}
    assert shm_image(*arguments) == 2
    errors = capsys.readouterr().err
    assert any(part in errors for part in word.split("|")), errors
    assert errors.count("\n") == 1
    assert {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes and devices")
def test_a_pipe_is_not_waited_for_nor_a_device_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, photo, pipe = tmp_path / "photos", a_photo(tmp_path / "a.png"), tmp_path / "pipe.png"
    photos.mkdir()
    a_photo(photos / "a.png")
    os.mkfifo(pipe)
    os.mkfifo(photos / "b.png")
    for path in (pipe, Path("/dev/zero")):
        assert shm_image(path, tmp_path / "out.png") == 2
        assert f"{path}: is a device or a pipe" in capsys.readouterr().err
        assert shm_image(photo, tmp_path / "out.png", "--bg", path) == 2
        assert f"--bg {path}: is a device or a pipe" in capsys.readouterr().err
    assert shm_image(photos, tmp_path / "out") == 2
    assert "b.png: is a device or a pipe" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def damaged_pictures() -> Iterator[tuple[str, bytes]]:
    """Each made OpenCV, libpng, libjpeg, libtiff or Pillow print lines of its own."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for suffix in (".png", ".jpg", ".tiff", ".webp", ".bmp", ".gif"):
        whole = cv2.imencode(suffix, pixels)[1].tobytes()
        yield f"cut{suffix}", whole[: len(whole) * 2 // 3]
        yield f"changed{suffix}", whole[: len(whole) // 2] + bytes(40) + whole[len(whole) // 2 + 40 :]
        yield f"head{suffix}", whole[:12] + b"\xff" * 8 + whole[20:]
    exif = np.frombuffer(b"II*\0\xff\0\0\0", np.uint8)
    yield "exif.jpg", np.asarray(cv2.imencodeWithMetadata(".jpg", pixels, [cv2.IMAGE_METADATA_EXIF], [exif])[1]).tobytes()
    profile = np.frombuffer(bytes(200), np.uint8)
    yield "profile.png", np.asarray(cv2.imencodeWithMetadata(".png", pixels, [cv2.IMAGE_METADATA_ICCP], [profile])[1]).tobytes()
    yield "float.tiff", cv2.imencode(".tiff", np.full((48, 64, 3), 3e38, np.float32))[1].tobytes()


@pytest.mark.parametrize(("name", "content"), [*damaged_pictures()], ids=[name for name, _ in damaged_pictures()])
@pytest.mark.filterwarnings("default")  # as outside of tests: printed, and no error
def test_no_library_has_its_say(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    code = shm_image(tmp_path / name, tmp_path / "out.png")
    *notes, line = capfd.readouterr().err.splitlines()
    said = [f"{tmp_path / name}: its EXIF is damaged, and is left out"] if name == "exif.jpg" else []
    assert notes == said
    assert line.startswith(f"error: {tmp_path / name}: " if code else f"{tmp_path / 'out.png'}: ")


def test_a_failing_engine_leaves_nothing_behind(tmp_path: Path, engine: PlainEngine) -> None:
    with patch.object(PlainEngine, "__call__", side_effect=KeyboardInterrupt):
        assert shm_image(a_photo(tmp_path / "a.png"), tmp_path / "out.png") == 130
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert engine.closed
