"""`nextword score`: how probable is each line?"""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile, require_unread
from nextword.cli.options.setting_option import Tables, argument, given_settings, lower_cased, lowercase_option, option
from nextword.cli.options.target import AnswerOptions
from nextword.cli.output.messages import say, warn_of_unknown_words
from nextword.errors import printable
from nextword.inference.scoring.lines import LN_10, LineScore, ScoringOptions, score_lines, shown_tokens
from nextword.inference.scoring.score_summary import ScoreSummary
from nextword.system.files import replacing, write_file
from nextword.system.strict_json import finite
from nextword.text.reading.lines import InputLines
from nextword.text.tokens.tokenizer import Tokenizer

_COLUMNS = ("line", "log_prob", "log10_prob", "tokens", "oov", "perplexity")
_TOKEN_COLUMNS = ("line", "position", "token", "log_prob", "log10_prob", "rank", "oov")


@dataclass(frozen=True, kw_only=True)
class _ScoreOptions(AnswerOptions):
    files: tuple[str, ...] = argument((), metavar="[FILE]...")
    tokens: bool = option(False, help="Score each token, not just each line.")
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
        "nextword score runs/demo lines.txt",
        "nextword score runs/demo lines.txt --tokens --json",
    ],
)
def score(options: _ScoreOptions, given: Tables) -> None:
    """Score lines: the log-probability of each.

    Lines come from FILEs, or from standard input if there is none or FILE is -. Both may be packed. The columns
    are line number, natural and base-10 log-probability, tokens, tokens out of vocabulary, and perplexity, separated by
    tabs. The totals follow on standard error. With --json, each line is an object.
    """
    scoring, lowercase = given_settings(given, ScoringOptions), options.lowercase
    require_unread((options.output, options.summary_output), options.files)
    model = options.open_model()
    lines = InputLines(options.files, on_bad_bytes=options.on_bad_bytes)
    rows = _Rows(model.tokenizer, lines, options)
    totals = ScoreSummary()
    with _opened(options.output) as file:
        if not (options.as_json or options.no_header):
            file.write(rows.header)
        for scored in score_lines(model, lower_cased(lines, lowercase=lowercase), scoring, ranks=options.tokens):
            totals.add(scored)
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


@dataclass(frozen=True)
class _Rows:
    tokenizer: Tokenizer
    lines: InputLines
    options: _ScoreOptions

    @property
    def name_files(self) -> bool:
        return len(self.options.files) > 1

    @property
    def header(self) -> str:
        names = _TOKEN_COLUMNS if self.options.tokens else _COLUMNS
        return "\t".join(("file", *names) if self.name_files else names) + "\n"

    def of(self, scored: LineScore) -> str:
        place = self.lines.place_of(scored.number)
        if self.options.as_json:
            table: dict[str, Any] = {"file": place.source} if self.name_files else {}
            table |= {**scored.to_table(), "line": place.line}
            if self.options.tokens:
                table["tokens"] = [
                    token | {name: finite(token[name]) for name in ("log_prob", "log10_prob")}
                    for token in self._tokens(scored)
                ]
            return json.dumps(table, allow_nan=False) + "\n"
        before = (printable(place.source), place.line) if self.name_files else (place.line,)
        if self.options.tokens:
            return "".join(_row(*before, *token.values()) for token in self._tokens(scored))
        perplexity = scored.perplexity if scored.num_tokens else None
        figures = (scored.log_prob, scored.log10_prob, scored.num_tokens, scored.num_out_of_vocabulary, perplexity)
        return _row(*before, *figures)

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
                zip(shown_tokens(self.tokenizer, scored), *figures, strict=True), 1
            )
        ]


def _row(*cells: Any) -> str:
    return "\t".join(map(_cell, cells)) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.6f}" if isinstance(value, float) else str(value)
