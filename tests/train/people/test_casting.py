from dataclasses import replace

import pytest

from engines import InputError
from train.people.casting import cast
from train.people.gestures import GESTURES
from train.people.hairstyles import STYLES
from train.people.person import Person
from train.people.wardrobe import BEARDS, FRAMINGS, GARMENTS, LIGHTS

CROWD = [cast(seed) for seed in range(1200)]


def test_a_seed_is_one_person_and_another_seed_another() -> None:
    assert cast(7) == cast(7)
    assert len({person.to_json() for person in CROWD}) == len(CROWD)


def test_all_that_can_be_drawn_is_drawn() -> None:
    assert {person.hair.style for person in CROWD} == set(STYLES)
    assert {person.gesture for person in CROWD} == set(GESTURES)
    assert {person.garment.kind for person in CROWD} == set(GARMENTS)
    assert {person.beard for person in CROWD} == set(BEARDS)
    assert {person.light.kind for person in CROWD} == set(LIGHTS)
    assert {person.camera.framing for person in CROWD} == set(FRAMINGS)
    worn = {"glasses", "sunglasses", "headphones", "headset", "cap", "beanie", "hat", "headband", "earrings"}
    assert {name for person in CROWD for name in person.wearables} == worn


def test_long_hair_is_most_of_it_and_women_have_no_beards() -> None:
    assert sum(person.hair.length > 0.2 for person in CROWD) > 0.5 * len(CROWD)
    assert all(person.beard == "none" for person in CROWD if person.shape["gender"] > 0.5)


def test_parameters_round_trip_through_json() -> None:
    for person in CROWD[:20]:
        assert Person.from_json(person.to_json()) == person
    dressed = replace(CROWD[0], wearables=("hat", "glasses"))
    assert Person.from_json(dressed.to_json()) == dressed


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 1}', '{"hair": {"nose": 1}}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no parameters of a person"):
        Person.from_json(text)
