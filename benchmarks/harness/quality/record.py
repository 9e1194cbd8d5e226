"""The results of the quality benchmark in a file; each is added as soon as it exists."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from nextword.disk.files import write_file
from nextword.errors import SettingError


@dataclass(frozen=True)
class Terms:
    """What two results must share to be compared.

    Attributes:
        corpus: Name of the text.
        corpus_sha256: SHA-256 of its three splits, in hexadecimal.
        minutes: How long each trained.
        seed: Seed of weights, order and dropout.
        recipe: Settings of the programs that differ from their own.
    """

    corpus: str
    corpus_sha256: str
    minutes: float
    seed: int
    recipe: dict[str, Any] = field(default_factory=dict)


@dataclass
class Record:
    """The results so far.

    Attributes:
        terms: The conditions of the results.
        path: The file, if there is one.
        results: Result of each program, by name.
        missing: Why other programs have no result.
        made_by: Versions, commit and command, for the file.
    """

    terms: Terms
    path: Path | None = None
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    made_by: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path | None, terms: Terms, *, without: frozenset[str] = frozenset()) -> Self:
        """Return the record that a file holds, or an empty one.

        Args:
            path: The file; `None` keeps the record in memory alone.
            terms: The conditions of further results.
            without: Names whose results are dropped.

        Raises:
            SettingError: The file holds something else, or results on other terms.
        """
        if path is None or not path.exists():
            return cls(terms, path)
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            former, results = Terms(**table["terms"]), dict(table["results"])
        except (ValueError, KeyError, TypeError) as error:
            raise SettingError(f"`{path}` must hold results of this benchmark, but does not; name another") from error
        kept = {name: result for name, result in results.items() if name not in without}
        if kept and former != terms:
            raise SettingError(
                f"`{path}` must hold results on the same terms, {_told(terms)}, but they are {_told(former)}; name "
                "another file"
            )
        return cls(terms, path, kept)

    def add(self, name: str, result: dict[str, Any]) -> None:
        """Add a result, and write the file.

        Raises:
            StorageError: The disk refused.
        """
        self.results[name] = result
        self._write()

    def note_missing(self, missing: dict[str, str]) -> None:
        """Add the reasons why there is no result, and write the file.

        Raises:
            StorageError: The disk refused.
        """
        self.missing.update(missing)
        self._write()

    def to_table(self) -> dict[str, Any]:
        """Return the record as a table for JSON, the figures that matter on top."""
        return {
            "valid_perplexity": {name: result["valid_perplexity"] for name, result in self.results.items()},
            "test_perplexity": {name: result["test_perplexity"] for name, result in self.results.items()},
            "missing": self.missing,
            "terms": asdict(self.terms),
            **self.made_by,
            "results": self.results,
        }

    def _write(self) -> None:
        if self.path is not None:
            write_file(self.path, json.dumps(self.to_table(), indent=2, allow_nan=False).encode() + b"\n")


def _told(terms: Terms) -> str:
    recipe = f" and {json.dumps(terms.recipe)}" if terms.recipe else ""
    return f"{terms.minutes:g} minutes on {terms.corpus} ({terms.corpus_sha256[:8]}) with seed {terms.seed}{recipe}"
