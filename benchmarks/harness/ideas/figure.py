"""The figures of one idea with one seed, and the file that keeps all of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from harness.ideas.idea import IDEAS, REFERENCE
from nextword.disk.files import write_file
from nextword.errors import SettingError


@dataclass(frozen=True)
class Figure:
    """What one idea reached with one seed.

    Attributes:
        idea: Name of the idea.
        seed: Seed of weights and dropout.
        valid_perplexity: Of the whole valid split, state carried.
        test_perplexity: Of the whole test split, state carried.
        seconds: Seconds of the training run; of a method, those of tuning and reading both splits.
        words_per_second: Training throughput; `None` for a method.
        parameters: Number of trainable scalars.
        commit: Commit of nextword.
        processor: The processor.
        load: Processes that wanted a core in the minute before.
        date: Date and time in UTC.
        tuned: Settings that were found on the valid split, in words.
    """

    idea: str
    seed: int
    valid_perplexity: float
    test_perplexity: float
    seconds: float
    words_per_second: float | None
    parameters: int
    commit: str | None
    processor: str
    load: float | None
    date: str
    tuned: str = ""


@dataclass(frozen=True)
class Terms:
    """What two figures must share to be compared: the text, the preset, and how long it trains."""

    corpus: str
    preset: str
    epochs: float
    compute_dtype: str


@dataclass
class FigureFile:
    """A file of figures; each is written as soon as it exists."""

    path: Path
    terms: Terms
    command: str
    figures: list[Figure]

    @classmethod
    def open(cls, path: Path, terms: Terms, command: str) -> Self:
        """Return the figures in a file, none if it does not exist.

        Raises:
            SettingError: It holds something else, or figures on other terms.
        """
        if not path.exists():
            return cls(path, terms, command, [])
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            former, figures = Terms(**table["terms"]), [Figure(**figure) for figure in table["figures"]]
        except (ValueError, KeyError, TypeError) as error:
            raise SettingError(f"`{path}` must hold figures of ideas, but does not ({error}); name another") from error
        if former != terms:
            raise SettingError(f"`{path}` must hold figures on the terms {terms}, but has {former}; name another")
        return cls(path, terms, command, figures)

    def holds(self, idea: str, seed: int) -> bool:
        """Return whether the file has the figure of an idea with a seed."""
        return any(figure.idea == idea and figure.seed == seed for figure in self.figures)

    def add(self, figure: Figure) -> None:
        """Add a figure, and write the file.

        Raises:
            StorageError: The disk refused.
        """
        self.figures.append(figure)
        self.write()

    def write(self) -> None:
        """Write the file.

        Raises:
            StorageError: The disk refused.
        """
        write_file(self.path, json.dumps(self.to_table(), indent=1, allow_nan=False).encode() + b"\n")

    def to_table(self) -> dict[str, Any]:
        """Return terms, what each idea is worth, and the figures, for JSON."""
        order = {idea.name: index for index, idea in enumerate(IDEAS)}
        figures = sorted(self.figures, key=lambda figure: (order[figure.idea], figure.seed))
        return {
            "terms": asdict(self.terms),
            "command": self.command,
            "worth": worths(figures),
            "figures": [asdict(figure) for figure in figures],
        }


def worths(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return for each idea by how many points it lowers the test perplexity, a mean over its seeds.

    An idea that the reference uses is worth what leaving it out costs. Seeds without a reference are left out.
    """
    reference = {figure.seed: figure.test_perplexity for figure in figures if figure.idea == REFERENCE}
    rows = []
    for idea in IDEAS:
        own = [figure for figure in figures if figure.idea == idea.name and figure.seed in reference]
        if idea.name == REFERENCE or not own:
            continue
        without = {
            figure.seed: fmean(reference.values()) if idea.is_ensemble else reference[figure.seed] for figure in own
        }
        gains = [without[figure.seed] - figure.test_perplexity for figure in own]
        gains = [-gain for gain in gains] if idea.in_reference else gains
        rows.append(
            {
                "idea": idea.name,
                "title": idea.title,
                "in_reference": idea.in_reference,
                "after_training": not idea.needs_training,
                "gain": _mean(gains),
                "gains": [round(gain, 2) for gain in gains],
                "test_perplexity": _mean(figure.test_perplexity for figure in own),
                "seconds": round(fmean(figure.seconds for figure in own)),
            }
        )
    return rows


def _mean(values: Iterable[float]) -> float:
    return round(fmean(values), 2)
