import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.geometry import BASE, MODELS, SMALLEST, Size, low_resolution, model_of_size, parse_size


def test_a_size_is_width_by_height_as_text_and_height_and_width_as_a_tuple() -> None:
    assert parse_size("1280x720") == Size(height=720, width=1280) == (720, 1280)
    assert parse_size("1280X720") == (720, 1280)
    assert str(Size(720, 1280)) == "1280x720"


@pytest.mark.parametrize("text", ["1280", "1280x", "x720", "1280x720x3", "31x64", "-64x64", "1280*720", "123456x64", ""])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=rf"give WIDTHxHEIGHT, each side at least {SMALLEST}"):
        parse_size(text)


@given(st.integers(32, 5000), st.integers(32, 5000), st.sampled_from(sorted(MODELS)))
def test_landscape_frames_have_a_landscape_mask(height: int, width: int, model: str) -> None:
    h, w = low_resolution(height, width, model)
    assert {h, w} == set(MODELS[model])
    assert (w > h) == (width > height)


def test_a_low_resolution_says_which_model_has_it() -> None:
    assert {model_of_size(size): size for size in MODELS.values()} == MODELS
    assert model_of_size((64, 32)) == BASE
