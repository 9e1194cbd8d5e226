"""Tuned weights on disk: a TOML file that says where they come from."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from nextword.errors import SettingError
from nextword.rescoring.weights import RescoringWeights
from nextword.settings import unknown_name
from nextword.storage.single_file import write_file

_WEIGHTS, _SCORES, _TUNED = RescoringWeights.group, "scores", "tuned"


@dataclass(frozen=True)
class WeightsFile:
    """Weights, and what they are for.

    Attributes:
        weights: The weights.
        score_names: The scores of the first pass that they are for, in the order of `first_pass_weights`.
        tuned: What they were tuned on, for the record: files, model, fingerprint, word error rates.
    """

    weights: RescoringWeights
    score_names: tuple[str, ...]
    tuned: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "WeightsFile":
        """Read a file that `write` wrote, or a person by its example.

        Raises:
            SettingError: The file cannot be read, or is not what it should be.
        """
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingError(f"`{path}` must be a file that can be read, but: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"`{path}` must be TOML, but is not: {error}") from error
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
            StorageError: The disk refused; a former file is whole.
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
                f"the weights are for the scores {', '.join(self.score_names) or '(none)'}, but the lists have "
                f"{', '.join(score_names) or '(none)'}; name the columns alike, or choose them by `--scores`"
            )
        by_name = dict(zip(self.score_names, self.weights.first_pass_weights, strict=True))
        return self.weights.replace(first_pass_weights=tuple(by_name[name] for name in score_names))


def _score_names(tables: Mapping[str, Any]) -> tuple[str, ...]:
    table: Mapping[str, Any] = tables.get(_SCORES, {})
    names = table.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingError(f'`names` of [{_SCORES}] must be a list of names, such as ["acoustic"], but is {names!r}')
    return tuple(names)
