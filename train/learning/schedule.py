"""A programme: several courses, one after the other, each some networks by some recipe; one command for a release."""

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.errors import DataError
from train.in_place import in_place
from train.learning.runs import Run
from train.learning.stages import NAMES
from train.recipe import Recipe, load_recipe, read_toml, ships


@dataclass(frozen=True)
class Training:
    """A course of a programme, which leaves its checkpoints in a folder by the name of its recipe. In TOML, a [[course]]."""

    recipe: str = ""  # one that ships, or a TOML file: in TOML, from where the programme is
    networks: tuple[str, ...] = NAMES
    begin_with: str = ""  # an earlier course, by its recipe: whose weights these networks begin with
    on: str = ""  # an earlier course whose networks come before the ones that learn; its own unless told

    @property
    def name(self) -> str:
        """What the folder is called, and what later courses call it."""
        return Path(self.recipe).stem


@dataclass(frozen=True)
class Programme:
    """Courses in their order, and the recipe of each."""

    courses: tuple[Training, ...]
    recipes: tuple[Recipe, ...]

    def runs(self, out: Path) -> list[Run]:
        """Where each course is trained, under `out`, and on what."""
        return [
            Run(out / c.name, out / c.begin_with if c.begin_with else None, out / c.on if c.on else None) for c in self.courses
        ]

    def gather(self, out: Path) -> None:
        """Puts the last of each network into `out`, as a run of a single recipe leaves it, and as train.commands.release takes it."""
        for name in NAMES:
            source = next(out / c.name / f"{name}.pt" for c in reversed(self.courses) if name in c.networks)
            with in_place(out / f"{name}.pt") as beside:
                shutil.copyfile(source, beside)


def load_plan(name: str) -> Recipe | Programme:
    """What --recipe names: a recipe, or a programme. Raises DataError if there is none or it has a mistake."""
    values, path = read_toml(name)
    if "course" not in values:
        return load_recipe(name)
    where = f"--recipe {name}"
    if values.keys() != {"course"} or not isinstance(values["course"], list):
        raise DataError(f"{where}: a list of [[course]] has nothing beside it; settings belong into the recipes")
    courses: list[Training] = []
    for number, value in enumerate(values["course"], 1):
        courses.append(_training(value, courses, path.parent, f"{where}, course {number}"))
    missing = [network for network in NAMES if not any(network in course.networks for course in courses)]
    if missing:
        raise DataError(f"{where}: no course trains {', '.join(missing)}")
    return Programme(tuple(courses), tuple(load_recipe(course.recipe) for course in courses))


def _training(value: dict[str, Any], before: list[Training], folder: Path, where: str) -> Training:
    known = [field.name for field in dataclasses.fields(Training)]
    for key, given in value.items():
        if key not in known:
            raise DataError(f"{where}: unknown setting '{key}'; known are {', '.join(known)}")
        if key != "networks" and not isinstance(given, str):
            raise DataError(f"{where}: '{key}' must be a name, not {given!r}")
    networks = value.get("networks", list(NAMES))
    if not isinstance(networks, list) or not networks or any(network not in NAMES for network in networks):
        raise DataError(f"{where}: 'networks' must be a list of {', '.join(NAMES)}, not {networks!r}")
    course = Training(**(value | {"networks": tuple(name for name in NAMES if name in networks)}))
    trained = {each.name: set(each.networks) for each in before}
    if not course.recipe:
        raise DataError(f"{where}: needs a 'recipe'")
    if not ships(course.recipe):
        course = dataclasses.replace(course, recipe=str(folder / course.recipe))
    if course.name in trained:
        raise DataError(f"{where}: an earlier course has the recipe '{course.name}' too; give it a file of another name")
    for key, name in (("begin_with", course.begin_with), ("on", course.on)):
        if name and name not in trained:
            raise DataError(f"{where}: '{key}' names no earlier course: '{name}'")
    if course.begin_with and not trained[course.begin_with] >= set(course.networks):
        raise DataError(f"{where}: '{course.begin_with}' does not train all that begins with it: {', '.join(course.networks)}")
    needed = set(NAMES[: NAMES.index(course.networks[-1])])
    at_hand = trained[course.on] if course.on else set(course.networks)
    if not at_hand >= needed:
        lacking = ", ".join(name for name in NAMES if name in needed - at_hand)
        raise DataError(f"{where}: needs {lacking} before {course.networks[-1]}; name a course that trains it with 'on'")
    return course
