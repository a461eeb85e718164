"""Schedules: several phases, one after the other, each some networks trained by one recipe."""

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any

from engines.atomic import replacing
from engines.errors import DataError
from train.learning.runs import Run
from train.recipe import TASK_NAMES, Recipe, is_builtin, load_recipe, read_toml


@dataclass(frozen=True)
class Phase:
    """A phase of a schedule, with its checkpoints in a folder named after its recipe. In TOML, a [[course]]."""

    recipe: str = ""  # a built-in one, or a TOML file: in TOML, relative to the schedule
    networks: tuple[str, ...] = TASK_NAMES
    begin_with: str = ""  # an earlier phase, by its recipe, whose weights these networks start from
    on: str = ""  # an earlier phase whose networks precede the trained ones; by default this phase
    relabelled_by: str = ""  # an earlier phase of MRN: behind its MPN and QUN, it draws the coarse masks of the data anew
    keep_masks: tuple[str, ...] = ()  # sets of coarse/ whose masks stay then

    @property
    def name(self) -> str:
        """The name of its folder, by which later phases refer to it."""
        return Path(self.recipe).stem


@dataclass(frozen=True)
class Schedule:
    """Phases in their order, and the recipe of each."""

    phases: tuple[Phase, ...]
    recipes: tuple[Recipe, ...]

    def runs(self, out: Path) -> list[Run]:
        """The run of each phase, under `out`."""
        return [
            Run(out / p.name, out / p.begin_with if p.begin_with else None, out / p.on if p.on else None) for p in self.phases
        ]

    def gather(self, out: Path) -> None:
        """Copy the last checkpoint of each network into `out`, where a run of a single recipe would have left it."""
        for name in TASK_NAMES:
            source = next(out / p.name / f"{name}.pt" for p in reversed(self.phases) if name in p.networks)
            with replacing(out / f"{name}.pt") as beside:
                shutil.copyfile(source, beside)


def load_recipe_or_schedule(name: str) -> Recipe | Schedule:
    """A recipe or a schedule, built in or a TOML file. Raises DataError if there is none or it has a mistake."""
    values, path = read_toml(name)
    if "course" not in values:
        return load_recipe(name)
    if values.keys() != {"course"} or not isinstance(values["course"], list):
        raise DataError(f"{name}: a list of [[course]] has nothing beside it; settings belong into the recipes")
    phases: list[Phase] = []
    for number, value in enumerate(values["course"], 1):
        phases.append(_phase(value, phases, path.parent, f"{name}, [[course]] {number}"))
    missing = [network for network in TASK_NAMES if not any(network in phase.networks for phase in phases)]
    if missing:
        raise DataError(f"{name}: no [[course]] trains {', '.join(missing)}")
    return Schedule(tuple(phases), tuple(load_recipe(phase.recipe) for phase in phases))


def _phase(value: Any, before: list[Phase], folder: Path, where: str) -> Phase:
    known = [field.name for field in dataclasses.fields(Phase)]
    if not isinstance(value, dict):
        raise DataError(f"{where}: must be a table with {', '.join(known)}, not {short_repr(value)}")
    for key, given in value.items():
        if key not in known:
            raise DataError(f"{where}: unknown setting '{key}'; known are {', '.join(known)}")
        if key not in ("networks", "keep_masks") and not isinstance(given, str):
            raise DataError(f"{where}: '{key}' must be a name, not {short_repr(given)}")
    networks = value.get("networks", list(TASK_NAMES))
    if not isinstance(networks, list) or not networks or any(network not in TASK_NAMES for network in networks):
        raise DataError(f"{where}: 'networks' must be a list of {', '.join(TASK_NAMES)}, not {short_repr(networks)}")
    kept = value.get("keep_masks", [])
    if not isinstance(kept, list) or not all(isinstance(name, str) for name in kept):
        raise DataError(f"{where}: 'keep_masks' must be a list of sets, not {short_repr(kept)}")
    lists = {"networks": tuple(name for name in TASK_NAMES if name in networks), "keep_masks": tuple(kept)}
    phase = Phase(**(value | lists))
    trained = {each.name: set(each.networks) for each in before}
    if not phase.recipe:
        raise DataError(f"{where}: needs a 'recipe'")
    if not is_builtin(phase.recipe):
        phase = dataclasses.replace(phase, recipe=str(folder / phase.recipe))
    if phase.name in trained:
        raise DataError(f"{where}: an earlier one has the recipe '{phase.name}' too; give it a file of another name")
    for key, name in (("begin_with", phase.begin_with), ("on", phase.on), ("relabelled_by", phase.relabelled_by)):
        if name and name not in trained:
            raise DataError(f"{where}: '{key}' is not the name of an earlier one: '{name}'")
    if phase.relabelled_by and "mrn" not in trained[phase.relabelled_by]:
        raise DataError(f"{where}: '{phase.relabelled_by}' does not train mrn, which 'relabelled_by' needs")
    if phase.begin_with and not trained[phase.begin_with] >= set(phase.networks):
        raise DataError(f"{where}: '{phase.begin_with}' does not train all of {', '.join(phase.networks)}, which begin with it")
    needed = set(TASK_NAMES[: TASK_NAMES.index(phase.networks[-1])])
    available = trained[phase.on] if phase.on else set(phase.networks)
    if not available >= needed:
        lacking = ", ".join(name for name in TASK_NAMES if name in needed - available)
        raise DataError(
            f"{where}: {phase.networks[-1]} needs {lacking} before it; name an earlier one that trains it with 'on'"
        )
    return phase
