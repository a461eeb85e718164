import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.engine import Frame, Matte
from engines.errors import MediaError
from realtime.choices import Fit
from realtime.compositing.backgrounds import open_background
from realtime.packet import Packet
from realtime.pixels.resize import resize_to_fit
from tests.realtime.clips import even_times, make_clip, picture


def packet_at(time: Fraction | float = 0, height: int = 48, width: int = 65, alpha: np.ndarray | None = None) -> Packet:
    frame = np.zeros((height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.float32) if alpha is None else alpha
    small = np.zeros((8, 8), np.float32)
    return Packet(frame, Fraction(time), 0, matte=Matte(alpha, frame, small, small))


def shown(spec: str | Path, height: int = 48, width: int = 65) -> Frame:
    with open_background(str(spec)) as background:
        return background.frame(packet_at(height=height, width=width))


def write_video(path: Path, levels: list[int], rate: int = 10, size: tuple[int, int] = (64, 48)) -> Path:
    """One plain grey frame for each level."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"qscale": "2"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("spec", "colour"),
    [
        ("green", (0, 128, 0)),
        ("#00b140", (0, 177, 64)),
        ("#0f8", (0, 255, 136)),
        ("White", (255, 255, 255)),
        ("RebeccaPurple", (102, 51, 153)),  # of CSS 4
    ],
)
def test_colours(spec: str, colour: tuple[int, int, int]) -> None:
    picture = shown(spec)
    assert picture.shape == (48, 65, 3)
    assert (picture == colour).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_a_picture_keeps_its_colours(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"a{suffix}"), np.full((90, 120, 3), (40, 80, 200), np.uint8))
    assert np.abs(shown(tmp_path / f"a{suffix}").astype(int) - (200, 80, 40)).max() <= 3


def test_a_fixed_background_is_rendered_once_for_each_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((90, 120, 3), 7, np.uint8))
    with open_background(str(tmp_path / "a.png")) as background:
        first = background.frame(packet_at(0))
        assert background.frame(packet_at(1)) is first
        assert background.frame(packet_at(2, 33, 32)).shape == (33, 32, 3)


def test_grey_sixteen_bit_and_transparent_pictures(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((50, 60), 90, np.uint8))
    assert (shown(tmp_path / "grey.png") == 90).all()
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((50, 60, 3), 90 * 257, np.uint16))
    assert (shown(tmp_path / "deep.png") == 90).all()
    cv2.imwrite(str(tmp_path / "clear.png"), np.full((50, 60, 4), (0, 0, 200, 0), np.uint8))
    assert (shown(tmp_path / "clear.png") == 255).all()


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int, alpha: bool) -> None:
    """OpenCV turns pictures without alpha itself: what it makes of them is the reference for both."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4 if alpha else 3), np.uint8)
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    blocks = [np.frombuffer(exif, np.uint8)]
    turned = np.asarray(cv2.imencodeWithMetadata(".png", pixels[..., :3].copy(), [cv2.IMAGE_METADATA_EXIF], blocks)[1])
    expected = cv2.imdecode(turned, cv2.IMREAD_COLOR_RGB)
    if alpha:
        pixels[..., 3] = 255
        turned = np.asarray(cv2.imencodeWithMetadata(".png", pixels, [cv2.IMAGE_METADATA_EXIF], blocks)[1])
    (tmp_path / "a.png").write_bytes(turned.tobytes())
    assert (shown(tmp_path / "a.png", *expected.shape[:2]) == expected).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(32, 90), st.integers(32, 90))
def test_any_size_fits_any_frame(own_height: int, own_width: int, height: int, width: int) -> None:
    picture = np.full((own_height, own_width, 3), 100, np.uint8)
    for fit in ("cover", "stretch"):
        assert (resize_to_fit(picture, height, width, fit) == np.full((height, width, 3), 100)).all()
    contained = resize_to_fit(picture, height, width, "contain")
    assert contained.shape == (height, width, 3)
    rows, columns = np.nonzero(contained[..., 0])
    assert len(set(rows)) == height or len(set(columns)) == width


@pytest.mark.parametrize(("width", "height"), [(64, 48), (33, 90), (300, 40), (200, 200)])
def test_a_picture_that_covers_keeps_its_proportions_and_centre(width: int, height: int) -> None:
    picture = np.zeros((100, 140, 3), np.uint8)
    cv2.circle(picture, (70, 50), 15, (255, 255, 255), cv2.FILLED)
    seen = resize_to_fit(picture, height, width, "cover")
    assert seen.shape == (height, width, 3)
    y, x = np.nonzero(seen[..., 0] > 127)
    assert (x.mean(), y.mean()) == pytest.approx((width / 2, height / 2), abs=1)
    assert np.ptp(x) == pytest.approx(30 * max(width / 140, height / 100), abs=2)


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("own", [None, Fraction(1), Fraction(8, 9)])
def test_what_is_behind_wide_pixels_keeps_its_shape(tmp_path: Path, fit: Fit, own: Fraction | None) -> None:
    """Pixels of the frame are wide by a third, as of HDV. The background is a photo, or a video of such pixels."""
    path, size = tmp_path / ("a.png" if own is None else "a.mkv"), (96, 64)
    if own is None:
        cv2.imwrite(str(path), picture(0, *size)[..., ::-1])
    else:
        make_clip(path, even_times(1), size=size, pixel_aspect=own)
    with open_background(str(path), fit=fit, pixel_aspect=Fraction(4, 3)) as background:
        frame = background.frame(packet_at(height=216, width=288)).astype(int)
    y, x = np.nonzero(frame[..., 0] > frame[..., 2] + 50)  # the red ball
    assert (np.ptp(x) + 1) * Fraction(4, 3) == pytest.approx((np.ptp(y) + 1) * (own or 1), rel=0.06)


def test_cover_keeps_the_middle_and_contain_keeps_all() -> None:
    picture = np.zeros((60, 180, 3), np.uint8)
    picture[:, 60:120] = 255
    assert (resize_to_fit(picture, 60, 60, "cover") == 255).all()
    assert (resize_to_fit(picture, 60, 60, "contain")[30, ::59] == 0).all()
    assert resize_to_fit(picture, 60, 60, "contain").max() == 255
    assert resize_to_fit(picture, 60, 60, "contain")[[0, -1]].max() == 0


def test_a_video_keeps_its_own_rate_and_loops(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [20, 60, 100, 140, 180], rate=10)
    with open_background(str(path)) as background:
        levels = [int(background.frame(packet_at(7 + Fraction(i, 20))).mean()) for i in range(25)]
    wanted = [(20, 60, 100, 140, 180)[i // 2 % 5] for i in range(25)]
    assert np.abs(np.subtract(levels, wanted)).max() <= 3


def test_a_video_goes_on_after_a_gap_or_a_step_back(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [20, 60, 100, 140, 180], rate=10)
    with open_background(str(path)) as background:
        levels = [int(background.frame(packet_at(time)).mean()) for time in (0, 0.1, 1000, 1000.1, 3, 3.1)]
    assert np.abs(np.subtract(levels, (20, 60, 60, 100, 100, 140))).max() <= 3


def test_blur_takes_its_colours_from_the_background_only() -> None:
    """A red person before a blue wall: no red may come into the blur, also right beside the person."""
    alpha = np.zeros((300, 400), np.float32)
    cv2.circle(alpha, (200, 150), 90, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    packet = packet_at(0, 300, 400, alpha)
    packet.frame[:] = (alpha[..., None] * (255, 0, 0) + (1 - alpha[..., None]) * (0, 0, 200)).astype(np.uint8)
    with open_background("blur") as background:
        blurred = background.frame(packet)
    assert blurred.shape == packet.frame.shape
    assert blurred[alpha < 1 / 255, 0].max() <= 3
    assert blurred[alpha < 1 / 255, 2].min() >= 190


def test_blur_blurs_and_survives_a_frame_full_of_person() -> None:
    packet = packet_at(0, 301, 399)
    packet.frame[:, ::8] = 255
    with open_background("blur") as background:
        assert background.frame(packet).std() < packet.frame.std() / 4
        full = packet_at(0, 301, 399, np.ones((301, 399), np.float32))
        full.frame[:] = 77
        assert (background.frame(full) == 77).all()


def test_bad_specs_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("this is not a picture\n" * 50)
    (tmp_path / "text.txt").write_text("this is not a picture\n" * 50)
    (tmp_path / "empty.png").touch()
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8))[1].tobytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    cases = {
        "gren": "green",
        "#12345": "six digits",
        "bluur": "blur",
        str(tmp_path / "missing.jpg"): "no such file",
        str(tmp_path): "folder",
        "long" * 100: "cannot be a file",
        str(tmp_path / "text.txt"): "text.txt: has no video",
        **{str(tmp_path / name): f"{name}: is broken" for name in ("text.jpg", "empty.png", "half.jpg")},  # no "not a video"
    }
    for spec, word in cases.items():
        with pytest.raises(ValueError if spec.startswith("#") else MediaError, match=word) as caught:
            open_background(spec)
        assert "\n" not in str(caught.value)


def test_a_path_is_a_file_also_where_it_has_the_name_of_a_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("blue.png", np.full((48, 65, 3), (0, 0, 255), np.uint8))
    Path("blue.png").rename("blue")
    for path in (Path("blue"), tmp_path / "blue"):
        with open_background(path) as background:
            assert (background.frame(packet_at()) == (255, 0, 0)).all()
    with pytest.raises(MediaError, match="green: is neither a file"):
        open_background(Path("green"))


def test_a_fit_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fit 'fill'; there are cover, contain, stretch"):
        open_background("green", fit="fill")  # type: ignore[arg-type]


def test_a_closed_video_says_so(tmp_path: Path) -> None:
    """It was a StopIteration, which ends a loop around it without a word."""
    background = open_background(make_clip(tmp_path / "a.mp4", even_times(3)))
    packet = Packet(np.zeros((32, 32, 3), np.uint8), Fraction(0), 0)
    background.frame(packet)
    background.close()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"a.mp4: was closed, or could not be read on; open the background anew"):
            background.frame(packet)


def test_a_video_that_cannot_be_read_on_says_so_each_time(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", even_times(3))
    with open_background(path) as background:
        path.write_text("no video")
        packet = Packet(np.zeros((32, 32, 3), np.uint8), Fraction(0), 0)
        background.frame(packet)
        packet.time = Fraction(1)
        with pytest.raises(MediaError, match=r"a.mp4: is not a video"):
            background.frame(packet)
        with pytest.raises(ValueError, match="could not be read on"):
            background.frame(packet)


@pytest.mark.parametrize("spec", [np.zeros((9, 9, 3), np.uint8), (0, 255, 0), None, b"red"])
def test_what_names_no_background_is_refused(spec: object) -> None:
    with pytest.raises(ValueError, match=r"a background is named by a text or a path, not \w"):
        open_background(spec)  # type: ignore[arg-type]
