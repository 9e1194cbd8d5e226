"""Keystrokes in the ledger, and the tables of the results page made from them.

<!-- keystrokes: corpus=ptb -->

| ... |

<!-- end of keystrokes -->
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from nextword.errors import SettingError

_TABLE = re.compile(r"(<!-- keystrokes: corpus=(\S+) -->\n).*?(<!-- end of keystrokes -->)", re.DOTALL)


@dataclass(frozen=True)
class KeystrokeResult:
    """The keystrokes that one model saves on one text, without or with learned words.

    Attributes:
        corpus: The text that is typed.
        model: The model, as the table names it.
        learned_words: Whether words outside the vocabulary are learned as soon as they were typed.
        trained_by: The command that made the model; empty for the sample model.
        command: The command that measured it.
        commit: Commit of nextword.
        seed: Seed of the training.
        seconds: Time that the command took, for all of its columns.
        processor: The processor, and whether other work ran beside it.
        num_keys: Keys without suggestions.
        num_words: Words.
        num_out_of_vocabulary: Words outside the vocabulary.
        savings_1: Fraction of the keys saved by one suggestion.
        savings_3: The same by three.
        savings_5: The same by five.
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


def results_of_evaluation(table: Mapping[str, Any], origin: Mapping[str, Any]) -> list[KeystrokeResult]:
    """Return the results that `nextword evaluate --keystrokes --json` printed.

    Args:
        table: What it printed.
        origin: The fields of a result that it does not print, and in `models` the names of the network and of the
            Kneser-Ney model.

    Raises:
        SettingError: It is something else.
    """
    try:
        return [_result(column, origin) for column in table["keystrokes"]]
    except (KeyError, TypeError, IndexError) as error:
        raise SettingError(
            f"what is added must come from `evaluate --keystrokes --json`, but is not ({error})"
        ) from error


def _result(column: Mapping[str, Any], origin: Mapping[str, Any]) -> KeystrokeResult:
    savings = {each["num_slots"]: each for each in column["slots"]}
    counted = column["label"].startswith("Kneser-Ney")
    known = {name: value for name, value in origin.items() if name != "models"}
    model = origin["models"][counted]
    counts = {name: column[name] for name in ("num_keys", "num_words", "num_out_of_vocabulary")}
    rates = {f"savings_{slots}": each["savings"] for slots, each in savings.items()} | {
        "by_next_word": savings[3]["savings_by_next_word"],
        "by_completion": savings[3]["savings_by_completion"],
        **{name: column[name] for name in ("next_word_top_1", "next_word_top_3", "completion_top_3")},
    }
    rounded = {name: round(rate, 4) for name, rate in rates.items()}
    return KeystrokeResult(**known, model=model, learned_words=column["learned_words"], **counts, **rounded)


def renewed_keystrokes(page: str, results: Sequence[KeystrokeResult]) -> str:
    """Return the page with each of its tables of keystrokes written again.

    Of several results of the same model on the same text, the newest counts.
    """
    return _TABLE.sub(lambda found: f"{found[1]}\n{render_keystrokes(results, found[2])}\n{found[3]}", page)


def render_keystrokes(results: Sequence[KeystrokeResult], corpus: str) -> str:
    """Return a table in Markdown with a row for each model, without and with learned words.

    Args:
        results: The ledger.
        corpus: Pattern of the text, as in a shell.
    """
    newest = {
        (each.corpus, each.model, each.learned_words): each for each in results if fnmatchcase(each.corpus, corpus)
    }
    rows = [_row(each) for each in newest.values()]
    headings = list(rows[0]) if rows else []
    lines = [headings, ["---"] * len(headings), *(list(row.values()) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines if cells)


def _row(result: KeystrokeResult) -> dict[str, str]:
    rates = {
        "1 slot": result.savings_1,
        "3 slots": result.savings_3,
        "5 slots": result.savings_5,
        "of 3: by next word": result.by_next_word,
        "by completion": result.by_completion,
        "next word, top 1": result.next_word_top_1,
        "top 3": result.next_word_top_3,
        "completion, top 3": result.completion_top_3,
    }
    return {
        "model": result.model,
        "learned words": "yes" if result.learned_words else "no",
        **{name: f"{rate:.1%}".replace("%", " %") for name, rate in rates.items()},
        "commit": result.commit,
    }
