import pytest

from engines.errors import MattingError
from engines.graphs.profile import Profile, parse_range, parse_size


def test_a_size_is_width_by_height_and_comes_as_height_and_width() -> None:
    assert parse_size("1280x720") == (720, 1280)
    assert str(Profile.of(720, 1280)) == "1280x720"
    assert Profile.of(720, 1280).fixed


@pytest.mark.parametrize("text", ["1280", "1280x", "x720", "1280x720x3", "31x64", "-64x64", "1280*720", "123456x64"])
def test_what_is_no_size_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(MattingError, match=r"--size .*: give WIDTHxHEIGHT"):
        parse_size(text)


def test_a_range_has_the_shapes_of_each_input() -> None:
    profile = parse_range("640x480:1280x720:1920x1080")
    assert str(profile) == "640x480:1280x720:1920x1080"
    assert not profile.fixed
    assert profile.shapes("mpn") == {"frame": ((480, 640, 3), (720, 1280, 3), (1080, 1920, 3))}
    assert profile.shapes("qun")["coarse"] == ((192, 256),) * 3  # the low resolution does not change


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("640x480:1280x720", "MIN:OPT:MAX"),
        ("640x480:320x240:1920x1080", "must not shrink"),
        ("640x480:1280x720:1920x479", "must not shrink"),
        ("640x480:800x800:1920x1920", "wide frames with tall ones"),
        ("640x480:1280x720:wide", "WIDTHxHEIGHT"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(MattingError, match=f"--dynamic .*{why}"):
        parse_range(text)


def test_a_range_takes_the_frames_within_it_that_lie_as_it_does() -> None:
    profile = parse_range("640x480:1280x720:1920x1080")
    assert profile.covers(480, 640)
    assert profile.covers(721, 1283)
    assert not profile.covers(479, 640)
    assert not profile.covers(1080, 1921)
    assert not profile.covers(1000, 800)  # inside, but taller than wide
