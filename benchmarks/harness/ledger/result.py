"""A line of the ledger: what was trained on which text, how it was evaluated, and the figures."""

import dataclasses
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from nextword.errors import SettingError
from nextword.storage.single_file import write_file


@dataclass(frozen=True)
class Result:
    """The figures of one run by one method of evaluation.

    Attributes:
        corpus: The text.
        preset: The preset; a program of the quality benchmark as `contest/NAME`.
        command: The command that reproduces it.
        commit: Commit of nextword.
        seed: Seed of weights, order and dropout.
        minutes: Minutes of training.
        processor: The processor, and whether other work ran beside it.
        method: Method of evaluation.
        valid_perplexity: None if it was not measured.
        test_perplexity: None if it was not measured.
        parameters: Number of trainable scalars.
        epochs: Times that the text was read.
    """

    corpus: str
    preset: str
    command: str
    commit: str
    seed: int
    minutes: float
    processor: str
    method: str
    valid_perplexity: float | None
    test_perplexity: float | None
    parameters: int
    epochs: float | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """Return the result in a JSON table.

        Raises:
            SettingError: A key is missing, unknown, or of the wrong type.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        missing = {name for name, field in fields.items() if field.default is dataclasses.MISSING} - set(table)
        if missing or not set(table) <= set(fields):
            raise SettingError(f"a result must have the keys {', '.join(fields)}, but has {', '.join(table)}")
        for name, value in table.items():
            if not _fits(value, fields[name].type):
                raise SettingError(f"`{name}` of a result must be {fields[name].type}, but is {value!r}")
        return cls(**table)


def _fits(value: Any, kind: Any) -> bool:
    if value is None:
        return bool(kind == float | None)
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return False
    return isinstance(value, {str: str, int: int}.get(kind, (int, float)))


def read_results(path: Path) -> list[Result]:
    """Return the results of a file, oldest first.

    Raises:
        SettingError: The file cannot be read, a line is not a result, or a result is repeated.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"`{path}` must be a file of results, but cannot be read ({error})") from error
    results: dict[Result, int] = {}
    for number, line in enumerate(lines, 1):
        try:
            result = Result.of(json.loads(line))
        except (ValueError, TypeError, SettingError) as error:
            raise SettingError(f"line {number} of `{path}` must be a result: {error}") from error
        if result in results:
            raise SettingError(f"line {number} of `{path}` must say something new, but repeats line {results[result]}")
        results[result] = number
    return list(results)


def write_results(path: Path, results: Sequence[Result]) -> None:
    """Write the results to a file, one per line.

    Raises:
        StorageError: The disk refused.
    """
    lines = [json.dumps(dataclasses.asdict(result), allow_nan=False) + "\n" for result in results]
    write_file(path, "".join(lines).encode())


def results_of_contest(table: Mapping[str, Any]) -> list[Result]:
    """Return the results of a file that `benchmarks/quality.py` wrote.

    Raises:
        SettingError: It is something else.
    """
    try:
        return [
            Result(
                corpus=table["terms"]["corpus"],
                preset=f"contest/{name}",
                command=_command(name, **table["terms"]),
                commit=(told["provenance"]["commit"] or "unknown")[:7],
                seed=table["terms"]["seed"],
                minutes=table["terms"]["minutes"],
                processor=told["provenance"]["processor"],
                method=method,
                valid_perplexity=round(perplexities["valid"], 2),
                test_perplexity=round(perplexities["test"], 2),
                parameters=told["parameters"],
                epochs=round(told["epochs"], 1),
            )
            for name, told in table["results"].items()
            for method, perplexities in told["perplexities"].items()
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingError(f"what is added must come from benchmarks/quality.py, but is not ({error})") from error


def _command(name: str, *, corpus: str, minutes: float, seed: int, recipe: Mapping[str, Any], **_: Any) -> str:
    """Return the command that reproduces one program's result, without the folders of this machine."""
    words = ["python", "benchmarks/quality.py", corpus, "--minutes", f"{minutes:g}", "--peers", name]
    words += ["--recipe", json.dumps(recipe)] if recipe else []
    return shlex.join(words + (["--seed", str(seed)] if seed else []))
