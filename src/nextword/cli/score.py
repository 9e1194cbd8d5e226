"""`nextword score`: how probable is each line?"""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile, require_unread
from nextword.cli.options.setting_option import Tables, argument, given_settings, lower_cased, lowercase_option, option
from nextword.cli.options.target import AnswerOptions
from nextword.cli.output.messages import say, warn_of_unknown_words
from nextword.errors import SettingError, printable
from nextword.inference.scoring.line_score import LN_10, LineScore, ScoreSummary, shown_tokens
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.scoring.words import WordScorer, worst_lines
from nextword.system.files import replacing, write_file
from nextword.system.strict_json import finite
from nextword.text.reading.lines import InputLines
from nextword.text.tokens.tokenizer import Tokenizer

_COLUMNS = ("line", "log_prob", "log10_prob", "tokens", "oov", "perplexity")
_TOKEN_COLUMNS = ("line", "position", "token", "log_prob", "log10_prob", "rank", "oov")
_WORST_COLUMNS = ("line", "perplexity", "text")
_WORD_COLUMNS = ("item", "word_number", "word", "surprisal", "log10_frequency", "unknown")


@dataclass(frozen=True, kw_only=True)
class _ScoreOptions(AnswerOptions):
    files: tuple[str, ...] = argument((), metavar="[FILE]...")
    tokens: bool = option(False, help="Score each token, not just each line.")
    worst: int | None = option(
        None, help="Show the N lines of highest perplexity, with their most surprising words in brackets.", at_least=1
    )
    words: bool = option(False, help="Write a table of words as CSV, as studies of reading times use it.")
    output: Path | None = option(None, "-o", help="Write lines to FILE.", type=OutputFile(), unset="standard output")
    no_header: bool = option(False, help="Print no column names.")
    summary_output: Path | None = option(
        None, help="Write the totals to this file, as JSON.", type=OutputFile(), unset="standard error, as text"
    )
    lowercase: bool = lowercase_option()


@command(
    _ScoreOptions,
    ScoringOptions,
    examples=[
        'echo "I am very much obliged to you." | nextword score austen',
        "nextword score runs/demo lines.txt --worst 10",
        "nextword score runs/demo lines.txt --words --output words.csv",
    ],
)
def score(options: _ScoreOptions, given: Tables) -> None:
    """Score lines: the log-probability of each.

    Lines come from FILEs, or from standard input if there is none or FILE is -. Both may be packed. The columns
    are line number, natural and base-10 log-probability, tokens, tokens out of vocabulary, and perplexity, separated by
    tabs. The totals follow on standard error. With --json, each line is an object.
    """
    scoring, lowercase = given_settings(given, ScoringOptions), options.lowercase
    if options.words and (options.tokens or options.worst or options.as_json):
        raise SettingError("`--words` does not go with `--tokens`, `--worst` or `--json`; leave one of them out")
    require_unread((options.output, options.summary_output), options.files)
    model = options.open_model()
    lines = InputLines(options.files, on_bad_bytes=options.on_bad_bytes)
    rows = _Rows(model.tokenizer, lines, options)
    totals = ScoreSummary()
    scores = score_lines(model, lower_cased(lines, lowercase=lowercase), scoring, ranks=options.tokens)
    with _opened(options.output) as file:
        if not (options.as_json or options.no_header):
            file.write(rows.header)
        counted = totals.counted(scores)
        for scored in worst_lines(counted, options.worst) if options.worst else counted:
            file.write(rows.of(scored))
            if scored.number % scoring.read_ahead == 0:
                file.flush()  # a program that feeds lines slowly, with a small --read-ahead, waits for these
        file.flush()
    warn_of_unknown_words(
        totals.num_out_of_vocabulary, totals.num_tokens, model.tokenizer.vocabulary, lowercase=lowercase
    )
    if options.summary_output is None:
        say("\n".join([*totals.describe(), *([f"({model.use})"] if model.use else [])]))
    else:
        table = totals.to_table() | {"protocol": model.use or None}
        write_file(options.summary_output, json.dumps(table, indent=2, allow_nan=False).encode() + b"\n")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Give the file to write to: standard output, or a file that gets its name when it is complete."""
    if output is None:
        yield sys.stdout or io.StringIO()  # none if its descriptor is closed
        return
    with replacing(output) as temporary, temporary.open("x", encoding="utf-8", newline="\n") as file:
        yield file


class _Rows:
    def __init__(self, tokenizer: Tokenizer, lines: InputLines, options: _ScoreOptions) -> None:
        self._tokenizer = tokenizer
        self._lines = lines
        self._options = options
        self._words = WordScorer(tokenizer)

    @property
    def header(self) -> str:
        options = self._options
        if options.words:
            return _csv([_WORD_COLUMNS])
        names = _TOKEN_COLUMNS if options.tokens else _WORST_COLUMNS if options.worst else _COLUMNS
        return "\t".join(("file", *names) if self._name_files else names) + "\n"

    @property
    def _name_files(self) -> bool:
        return len(self._options.files) > 1

    def of(self, scored: LineScore) -> str:
        if self._options.words:
            return _csv(self._table_of_words(scored))
        place = self._lines.place_of(scored.number)
        if self._options.as_json:
            table: dict[str, Any] = {"file": place.source} if self._name_files else {}
            table |= {**scored.to_table(), "line": place.line}
            if self._options.tokens:
                table["tokens"] = [
                    token | {name: finite(token[name]) for name in ("log_prob", "log10_prob")}
                    for token in self._tokens(scored)
                ]
            return json.dumps(table, allow_nan=False) + "\n"
        before = (printable(place.source), place.line) if self._name_files else (place.line,)
        if self._options.tokens:
            return "".join(_row(*before, *token.values()) for token in self._tokens(scored))
        perplexity = scored.perplexity if scored.num_tokens else None
        if self._options.worst:
            return _row(*before, perplexity, self._words.marked(scored))
        figures = (scored.log_prob, scored.log10_prob, scored.num_tokens, scored.num_out_of_vocabulary, perplexity)
        return _row(*before, *figures)

    def _table_of_words(self, scored: LineScore) -> Iterator[tuple[Any, ...]]:
        for number, word in enumerate(self._words.words(scored), start=1):
            values = (word.bits, word.log10_frequency, not word.is_known)
            yield (scored.number, number, word.word, *map(_cell, values))

    def _tokens(self, scored: LineScore) -> list[dict[str, Any]]:
        figures = (scored.log_probs.tolist(), scored.ranks.tolist(), scored.out_of_vocabulary.tolist())
        return [
            {
                "position": position,
                "token": token,
                "log_prob": log_prob,
                "log10_prob": log_prob / LN_10,
                "rank": rank or None,
                "out_of_vocabulary": missing,
            }
            for position, (token, log_prob, rank, missing) in enumerate(
                zip(shown_tokens(self._tokenizer, scored), *figures, strict=True), 1
            )
        ]


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def _row(*cells: Any) -> str:
    return "\t".join(map(_cell, cells)) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.6f}" if isinstance(value, float) else str(value)
