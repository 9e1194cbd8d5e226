r"""The features of hypotheses as arrays, and the weights of their scores.

$$\text{total}(h) = \lambda \ln p(h) + \mu \, |h| + \sum_i \nu_i \, s_i(h)$$

$\ln p(h)$ is the model's log-probability of the hypothesis $h$, $|h|$ its number of words, and $s_i(h)$ its first-pass
scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tomli_w
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.settings import Settings, read_tables, setting, unknown_name
from nextword.system.files import write_file

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Features(NamedTuple):
    """The `N` hypotheses of `U` utterances, one list after the other."""

    values: Floats  # the features `(N, F)`: the model's log-probability, the number of words, and the first-pass scores
    errors: Integers  # word errors of each hypothesis `(N,)`
    begins: Integers  # index of the first hypothesis of each utterance, and `N` at the end `(U + 1,)`

    @classmethod
    def of(cls, values: Sequence[Floats], errors: Sequence[Integers]) -> "Features":
        """Concatenate the features `(n, F)` and the errors `(n,)` of all utterances."""
        begins = np.cumsum([0, *map(len, errors)])
        return cls(np.concatenate(values), np.concatenate(errors), begins)

    @property
    def num_utterances(self) -> int:
        """Number of lists `U`."""
        return len(self.begins) - 1

    def chosen(self, weights: Floats) -> Integers:
        """Return the index of the hypothesis with the highest total for each utterance `(U,)`, the first of ties."""
        return first_of_highest(self.values @ weights, self.begins)

    def num_errors(self, weights: Floats) -> int:
        """Return the total word errors with `weights` `(F,)`."""
        return int(self.errors[self.chosen(weights)].sum())

    def of_utterances(self, kept: NDArray[np.bool_]) -> "Features":
        """Select the utterances that are `kept` `(U,)`."""
        sizes = np.diff(self.begins)
        rows = np.repeat(kept, sizes)
        return Features(self.values[rows], self.errors[rows], np.concatenate(([0], np.cumsum(sizes[kept]))))

    def spread(self) -> Floats:
        """Return the standard deviation of each feature within the lists `(F,)`."""
        sizes = np.diff(self.begins)
        means = np.add.reduceat(self.values, self.begins[:-1]) / sizes[:, None]
        found: Floats = np.sqrt(np.square(self.values - np.repeat(means, sizes, axis=0)).mean(axis=0))
        return found


def first_of_highest(values: Floats, begins: Integers) -> Integers:
    """Return the index of the highest value in each segment of `values` `(N,)`, the first of ties `(U,)`."""
    highest = np.repeat(np.maximum.reduceat(values, begins[:-1]), np.diff(begins))
    places = np.where(values == highest, np.arange(len(values)), len(values))
    return np.minimum.reduceat(places, begins[:-1])


# Far beyond useful weights, and far below a weight that makes a total infinite.
_MAX_WEIGHT = 1e9
_MAX_NAMES = 20  # names of scores that a message lists


@dataclass(frozen=True, kw_only=True)
class RescoringWeights(Settings):
    """The weights of the total score; the hypothesis with the highest total is chosen.

    Example:
        >>> weights = RescoringWeights(model_weight=0.5, length_weight=1.0, first_pass_weights=(1.0,))
        >>> features = np.array([[-20.0, 4.0, -41.0], [-18.0, 3.0, -42.5]])  # log-prob, words, first pass
        >>> weights.ranking(features)
        [(0, -47.0), (1, -48.5)]
    """

    group: ClassVar[str] = "rescoring"
    task: ClassVar[str] = "weights"

    model_weight: float = setting(
        0.5, help="Weight of the model's log-probability.", at_least=-_MAX_WEIGHT, at_most=_MAX_WEIGHT
    )
    length_weight: float = setting(
        0.0, help="Amount added for each word of a hypothesis.", at_least=-_MAX_WEIGHT, at_most=_MAX_WEIGHT
    )
    first_pass_weights: tuple[float, ...] = setting(
        (),
        help="Weight of each first-pass score, in the order of the columns.",
        at_least=-_MAX_WEIGHT,
        at_most=_MAX_WEIGHT,
        unset="1 each",
    )

    def for_scores(self, score_names: Sequence[str]) -> "RescoringWeights":
        """Return the weights with one for each first-pass score.

        Raises:
            SettingError: The number of first-pass weights is wrong.
        """
        if not self.first_pass_weights:
            return self.replace(first_pass_weights=(1.0,) * len(score_names))
        if len(self.first_pass_weights) != len(score_names):
            more = ["..."] if len(score_names) > _MAX_NAMES else []
            shown = ", ".join([*score_names[:_MAX_NAMES], *more]) or "no scores"
            raise SettingError(
                f"`first_pass_weights` must have one value for each score ({shown}), "
                f"but has {len(self.first_pass_weights)}; give {len(score_names)}"
            )
        return self

    @property
    def vector(self) -> Floats:
        """All weights `(F,)`: model, length, and each first-pass score."""
        return np.array([self.model_weight, self.length_weight, *self.first_pass_weights])

    @classmethod
    def of_vector(cls, vector: Floats) -> "RescoringWeights":
        """Return the weights of a vector `(F,)`."""
        model_weight, length_weight, *first_pass = map(float, vector)
        return cls(model_weight=model_weight, length_weight=length_weight, first_pass_weights=tuple(first_pass))

    def ranking(self, features: Floats) -> list[tuple[int, float]]:
        """Return index and total of each hypothesis `(n, F)`, the best first; ties keep their order."""
        totals = features @ self.vector
        order = np.argsort(-totals, kind="stable")
        return [(int(place), float(totals[place])) for place in order]


DEFAULT_WEIGHTS = RescoringWeights()
"""The weights if none are given or tuned."""

_WEIGHTS, _SCORES, _TUNED = RescoringWeights.group, "scores", "tuned"


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights with the names of their scores and their origin.

    Attributes:
        weights: The weights.
        score_names: The first-pass scores, in the order of `first_pass_weights`.
        tuned: Origin of tuned weights, for the record: file, model, fingerprint, word error rates.

    Example:
        >>> weights = RescoringWeights(model_weight=0.5, length_weight=0.0, first_pass_weights=(1.0,))
        >>> WeightsFile(weights, ("acoustic",)).score_names
        ('acoustic',)
    """

    weights: RescoringWeights
    score_names: tuple[str, ...]
    tuned: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "WeightsFile":
        """Read a file of weights.

        Raises:
            SettingError: The file cannot be read or is invalid.
        """
        tables = read_tables(path)
        for name in tables:
            if name not in (_WEIGHTS, _SCORES, _TUNED):
                raise SettingError(f"`{path}`: {unknown_name('table of weights', name, (_WEIGHTS, _SCORES, _TUNED))}")
            if not isinstance(tables[name], dict):
                raise SettingError(
                    f"`{path}`: `{name}` must be a table, but is {tables[name]!r}; write [{name}] above its settings"
                )
        try:
            names = _score_names(tables)
            weights = RescoringWeights.from_table(tables.get(_WEIGHTS, {})).for_scores(names)
        except SettingError as error:
            raise SettingError(f"`{path}`: {error}") from error
        return cls(weights, names, tables.get(_TUNED, {}))

    def write(self, path: Path) -> None:
        """Write the file, or replace it in one step.

        Raises:
            StorageError: The file cannot be written; an existing file is kept.
        """
        tables = {
            _WEIGHTS: self.weights.to_table(),
            _SCORES: {"names": list(self.score_names)},
            _TUNED: dict(self.tuned),
        }
        write_file(path, tomli_w.dumps(tables).encode("utf-8"))

    def for_scores(self, score_names: Sequence[str]) -> RescoringWeights:
        """Return the weights in the order of another file's scores.

        Raises:
            SettingError: They are for other scores.
        """
        if sorted(score_names) != sorted(self.score_names):
            raise SettingError(
                f"the lists must have the scores of the weights ({', '.join(self.score_names) or 'none'}), but have "
                f"{', '.join(score_names) or 'none'}; rename the columns, or choose them with `--scores`"
            )
        by_name = dict(zip(self.score_names, self.weights.first_pass_weights, strict=True))
        return self.weights.replace(first_pass_weights=tuple(by_name[name] for name in score_names))


def _score_names(tables: Mapping[str, Any]) -> tuple[str, ...]:
    table: Mapping[str, Any] = tables.get(_SCORES, {})
    names = table.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingError(f'`names` in [{_SCORES}] must be a list of names, such as ["acoustic"], but is {names!r}')
    return tuple(names)
