"""Pictures with nobody in them: what a model takes for people there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from train.evaluation.scores import Candidate, read_frame

MOSTLY_NOBODY = 0.002  # mean alpha of a picture: a tenth of a percent or two of its pixels are taken for a person


@dataclass(frozen=True)
class EmptyScore:
    """Mean alpha of each picture SET/NAME, in [0, 1]; 0 is right."""

    alphas: dict[str, float]

    def sets(self) -> dict[str, "EmptyScore"]:
        """The scores of each set by itself."""
        names = dict.fromkeys(name.partition("/")[0] for name in self.alphas)
        return {s: EmptyScore({n: a for n, a in self.alphas.items() if n.startswith(f"{s}/")}) for s in names}

    @property
    def mean(self) -> float:
        """Mean over the pictures."""
        return fmean(self.alphas.values())

    @property
    def worst(self) -> float:
        """That of the worst picture."""
        return max(self.alphas.values())

    @property
    def mistaken(self) -> float:
        """The share of pictures of which more than MOSTLY_NOBODY is taken for a person."""
        return fmean(alpha > MOSTLY_NOBODY for alpha in self.alphas.values())


def score_empty(pictures: Sequence[Path], candidates: Sequence[Candidate], advance: Callable[[], object]) -> list[EmptyScore]:
    """A score for each candidate. Raises DataError for a picture that cannot be read."""
    alphas: list[dict[str, float]] = [{} for _ in candidates]
    for path in pictures:
        frame = read_frame(path)
        for candidate, found in zip(candidates, alphas, strict=True):
            found[f"{path.parent.name}/{path.name}"] = float(candidate(frame).alpha.mean())
            advance()
    return [EmptyScore(found) for found in alphas]
