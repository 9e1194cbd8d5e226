"""A line of the ledger: what was trained on which text, how it was evaluated, and the figures."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.ledger.lines import parsed, read_ledger, write_ledger
from nextword.errors import SettingError


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
        return parsed(cls, table)


def read_results(path: Path) -> list[Result]:
    """Return the results of a file, oldest first.

    Raises:
        SettingError: The file cannot be read, a line is not a result, or a result is repeated.
    """
    return read_ledger(path, Result)


def write_results(path: Path, results: Sequence[Result]) -> None:
    """Write the results to a file, one per line.

    Raises:
        StorageError: The disk refused.
    """
    write_ledger(path, results)


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
