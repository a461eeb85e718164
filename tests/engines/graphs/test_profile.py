import pytest

from engines.geometry import low_resolution
from engines.graphs.profile import Profile, parse_range


def test_a_profile_of_one_size_is_fixed() -> None:
    assert str(Profile.of(720, 1280)) == "1280x720"
    assert Profile.of(720, 1280).fixed


def test_a_range_has_the_shapes_of_each_input() -> None:
    profile = parse_range("640x480:1280x720:1920x1080")
    assert str(profile) == "640x480:1280x720:1920x1080"
    assert not profile.fixed
    assert profile.shapes("mpn") == {"frame": ((480, 640, 3), (720, 1280, 3), (1080, 1920, 3))}
    assert profile.shapes("qun")["coarse"] == (low_resolution(720, 1280),) * 3  # the low resolution does not change


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("640x480:1280x720", "MIN:OPT:MAX"),
        ("640x480:320x240:1920x1080", "must not shrink"),
        ("640x480:1280x720:1920x479", "must not shrink"),
        ("640x480:800x800:1920x1920", "wide frames with tall ones"),
        ("640x480:1280x720:wide", "wide: give WIDTHxHEIGHT"),
    ],
)
def test_an_invalid_range_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f".*{why}"):
        parse_range(text)


def test_a_range_covers_frames_within_it_of_the_same_orientation() -> None:
    profile = parse_range("640x480:1280x720:1920x1080")
    assert profile.covers(480, 640)
    assert profile.covers(721, 1283)
    assert not profile.covers(479, 640)
    assert not profile.covers(1080, 1921)
    assert not profile.covers(1000, 800)  # inside, but taller than wide
