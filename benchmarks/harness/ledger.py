"""The ledgers of results in `docs`: files with one JSON object a line, each the fields of one dataclass."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextword.errors import SettingError
from nextword.system.files import write_file


@dataclass(frozen=True)
class Result:
    """The perplexities of one run by one method of evaluation.

    Attributes:
        corpus: The text.
        preset: The preset; a program of the quality benchmark as `contest/NAME`.
        command: The command that reproduces it.
        commit: Commit of nextword.
        seed: Seed of weights, order and dropout.
        minutes: Minutes of training.
        processor: The processor, and whether other work ran at the same time.
        method: Method of evaluation.
        valid_perplexity: None if it was not measured.
        test_perplexity: None if it was not measured.
        parameters: Number of trainable scalars.
        epochs: Number of epochs.
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


@dataclass(frozen=True)
class KeystrokeResult:
    """The keystrokes that one model saves on one text, without or with learned words.

    Savings are fractions of `num_keys`, the keystrokes without suggestions, by one, three and five suggestions.

    Attributes:
        model: The model, as the table names it.
        learned_words: Whether words outside the vocabulary are learned as soon as they were typed.
        trained_by: The command that made the model; empty for the sample model.
        command: The command that measured it; `seconds` is its time, for all of its columns.
        by_next_word: The part of `savings_3` saved before the first letter of a word.
        by_completion: The part of `savings_3` saved after a letter.
        next_word_top_1: Fraction of words that are suggested first.
        next_word_top_3: Fraction of words among the first three suggestions.
        completion_top_3: Fraction of words among the first three completions, as kebbie draws prefixes.
    """

    corpus: str
    model: str
    learned_words: bool
    trained_by: str
    command: str
    commit: str
    seed: int
    seconds: float
    processor: str
    num_keys: int
    num_words: int
    num_out_of_vocabulary: int
    savings_1: float
    savings_3: float
    savings_5: float
    by_next_word: float
    by_completion: float
    next_word_top_1: float
    next_word_top_3: float
    completion_top_3: float


def parsed[Line](kind: type[Line], table: Mapping[str, Any]) -> Line:
    """Return the line in a JSON table."""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    missing = {name for name, field in fields.items() if field.default is dataclasses.MISSING} - set(table)
    if missing or not set(table) <= set(fields):
        raise SettingError(f"a result must have the keys {', '.join(fields)}, but has {', '.join(table)}")
    for name, value in table.items():
        if not _fits(value, fields[name].type):
            raise SettingError(f"`{name}` of a result must be {fields[name].type}, but is {value!r}")
    return kind(**table)


def read_ledger[Line](path: Path, kind: type[Line]) -> list[Line]:
    """Return the lines of a ledger, oldest first.

    Raises:
        SettingError: The file cannot be read, a line is of another kind, or a line is repeated.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"`{path}` must be a file of results, but cannot be read ({error})") from error
    results: dict[Line, int] = {}
    for number, line in enumerate(lines, 1):
        try:
            result = parsed(kind, json.loads(line))
        except (ValueError, TypeError, SettingError) as error:
            raise SettingError(f"line {number} of `{path}` must be a result: {error}") from error
        if result in results:
            raise SettingError(f"line {number} of `{path}` must say something new, but repeats line {results[result]}")
        results[result] = number
    return list(results)


def write_ledger(path: Path, results: Sequence[Any]) -> None:
    """Write results to a ledger, one per line."""
    lines = [json.dumps(dataclasses.asdict(result), allow_nan=False) + "\n" for result in results]
    write_file(path, "".join(lines).encode())


def short_commit(commit: str | None) -> str:
    """Return the first digits of a commit, and "-dirty" if its files were changed; "unknown" without one."""
    digits, dash, dirty = (commit or "unknown").partition("-")
    return digits[:7] + dash + dirty


def results_of_evaluation(
    table: Mapping[str, Any], models: tuple[str, str], origin: Mapping[str, Any]
) -> list[KeystrokeResult]:
    """Return the results that `nextword evaluate --keystrokes --json` printed.

    Args:
        table: What it printed.
        models: The names of the network and of the Kneser-Ney model.
        origin: The fields of a result that it does not print.
    """
    results = []
    try:
        for column in table["keystrokes"]:
            slots = {slot["num_slots"]: slot for slot in column["slots"]}
            rates = {
                **{f"savings_{count}": slot["savings"] for count, slot in slots.items()},
                "by_next_word": slots[3]["savings_by_next_word"],
                "by_completion": slots[3]["savings_by_completion"],
                **{name: column[name] for name in ("next_word_top_1", "next_word_top_3", "completion_top_3")},
            }
            counts = {name: column[name] for name in ("num_keys", "num_words", "num_out_of_vocabulary")}
            model = models[column["label"].startswith("Kneser-Ney")]
            rounded = {name: round(rate, 4) for name, rate in rates.items()}
            learned = column["learned_words"]
            results.append(KeystrokeResult(**origin, model=model, learned_words=learned, **counts, **rounded))
    except (KeyError, TypeError, IndexError) as error:
        raise SettingError(
            f"what is added must come from `evaluate --keystrokes --json`, but does not ({error})"
        ) from error
    return results


def _fits(value: Any, kind: Any) -> bool:
    if value is None:
        return bool(kind == float | None)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, {str: str, int: int}.get(kind, (int, float)))
