"""The ideas of `ideas.py`, each as the one thing in which a run or an evaluation differs from the reference."""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Self

from scipy import stats

from nextword.errors import SettingError
from nextword.settings import unknown_name
from nextword.system.files import write_file

REFERENCE = "reference"
IDEAS = Path(__file__).with_name("ideas.toml")
"""The ideas that the course explains."""


@dataclass(frozen=True)
class Idea:
    """One idea, and how it is switched.

    Attributes:
        name: Name in the file of results.
        title: Title for readers: what the idea is, not what is switched.
        settings: Settings of the training run that differ from the reference.
        in_reference: Whether the reference uses the idea; the run then leaves it out.
        methods: Methods after training, applied to the reference model.
        is_ensemble: Whether the models of all seeds are evaluated as one.
    """

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    in_reference: bool = False
    methods: Sequence[str] = ()
    is_ensemble: bool = False

    @property
    def needs_training(self) -> bool:
        """Whether a model of its own must be trained."""
        return not self.methods and not self.is_ensemble


@dataclass(frozen=True)
class Variants:
    """The reference and the ideas that are compared with it."""

    ideas: Mapping[str, Idea]
    settings: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file like `ideas.toml`."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            ideas = [Idea(REFERENCE, "the reference"), *(Idea(**idea) for idea in table["ideas"])]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingError(f"`{path}` must have [[ideas]] as `{IDEAS.name}` has, but does not ({error})") from error
        return cls({idea.name: idea for idea in ideas}, table.get("settings", {}))

    def named(self, names: Sequence[str]) -> list[Idea]:
        """Return the ideas with these names in the order of the file; all if no name is given."""
        for name in names:
            if name not in self.ideas:
                raise SettingError(unknown_name("idea", name, list(self.ideas)))
        return [idea for idea in self.ideas.values() if not names or idea.name in names]

    def worths(self, figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return for each idea by how many points it lowers the test perplexity, a mean over its seeds.

        An idea that the reference uses is worth what leaving it out costs. Seeds without a reference are left out. With
        several seeds a row has the spread of the gains too, their standard deviation, and the probability `p` that
        gains as far from 0 come about by chance (Student's t test of the pairs; with two seeds it is rarely small).
        """
        reference = {figure["seed"]: figure["test_perplexity"] for figure in figures if figure["idea"] == REFERENCE}
        rows = []
        for idea in self.ideas.values():
            own = [figure for figure in figures if figure["idea"] == idea.name and figure["seed"] in reference]
            if idea.name == REFERENCE or not own:
                continue
            without = dict.fromkeys(reference, fmean(reference.values())) if idea.is_ensemble else reference
            sign = -1 if idea.in_reference else 1
            gains = [sign * (without[figure["seed"]] - figure["test_perplexity"]) for figure in own]
            rows.append(
                {
                    "idea": idea.name,
                    "title": idea.title,
                    "in_reference": idea.in_reference,
                    "after_training": not idea.needs_training,
                    "gain": round(fmean(gains), 2),
                    "gains": [round(gain, 2) for gain in gains],
                    **_spread(gains),
                    "test_perplexity": round(fmean(figure["test_perplexity"] for figure in own), 2),
                    "seconds": round(fmean(figure["seconds"] for figure in own)),
                }
            )
        return rows


@dataclass
class Results:
    """The file of results: one JSON object with the terms, what each idea is worth, and the figures."""

    path: Path
    terms: Mapping[str, Any]
    variants: Variants
    command: str
    figures: list[dict[str, Any]]

    @classmethod
    def open(cls, path: Path, terms: Mapping[str, Any], variants: Variants, command: str) -> Self:
        """Read the results in a file, none if it does not exist.

        Raises:
            SettingError: It has something else, or results on other terms, or its folder does not exist.
        """
        if not path.absolute().parent.is_dir():
            raise SettingError(f"`{path}` must be in a folder that exists, but is not; create it first")
        if not path.exists():
            return cls(path, terms, variants, command, [])
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            former, figures = table["terms"], list(table["figures"])
        except (ValueError, KeyError, TypeError) as error:
            raise SettingError(f"`{path}` must have results of ideas, but does not ({error}); name another") from error
        if former != terms:
            raise SettingError(f"`{path}` must have results on the terms {terms}, but has {former}; name another")
        return cls(path, terms, variants, command, figures)

    def has(self, idea: Idea, seed: int) -> bool:
        """Whether the idea was measured with the seed."""
        return any((figure["idea"], figure["seed"]) == (idea.name, seed) for figure in self.figures)

    def add(self, figure: dict[str, Any]) -> None:
        """Add a result, and write the file."""
        self.figures.append(figure)
        self.write()

    def write(self) -> list[dict[str, Any]]:
        """Write the file; return what each idea is worth. Results of ideas that the TOML no longer has stay in it."""
        order = [*self.variants.ideas, *(figure["idea"] for figure in self.figures)]
        figures = sorted(self.figures, key=lambda figure: (order.index(figure["idea"]), figure["seed"]))
        worth = self.variants.worths(figures)
        table = {"terms": self.terms, "command": self.command, "worth": worth, "figures": figures}
        write_file(self.path, json.dumps(table, indent=1, allow_nan=False).encode() + b"\n")
        return worth


def _spread(gains: Sequence[float]) -> dict[str, float]:
    """Return the standard deviation of gains and how probable they are by chance; nothing for a single gain."""
    if len(gains) < 2:
        return {}
    spread = stdev(gains)
    if not spread:
        return {"spread": 0.0}
    t = fmean(gains) / (spread / math.sqrt(len(gains)))
    return {"spread": round(spread, 2), "p": round(2.0 * float(stats.t.sf(abs(t), len(gains) - 1)), 3)}
