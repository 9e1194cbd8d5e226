"""`nextword score`: how probable is each line?"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nextword.cli.options import OutputFile, Tables, bad_bytes_option, given_settings, settings_command
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.scoring.lines import LN_10, LineScore, ScoringOptions, score_lines, shown_tokens
from nextword.scoring.score_summary import ScoreSummary
from nextword.storage.single_file import write_file
from nextword.storage.strict_json import finite
from nextword.text.input_lines import InputLines
from nextword.text.options import OnBadBytes
from nextword.text.printable import printable
from nextword.text.tokenizer import Tokenizer

_COLUMNS = ("line", "log_prob", "log10_prob", "tokens", "oov", "perplexity")
_TOKEN_COLUMNS = ("line", "position", "token", "log_prob", "log10_prob", "rank", "oov")


@settings_command(ScoringOptions)
@run_or_model_argument
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--tokens", "each_token", is_flag=True, help="Give each token, not only each line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with its text.")
@click.option("--no-header", is_flag=True, help="Leave out the line with the names of the columns.")
@click.option(
    "--summary-output",
    "summary",
    type=OutputFile(),
    help="Write the totals to this file as JSON, not to standard error.",
)
@bad_bytes_option
@engine_option
def score(
    run_or_model: Path,
    files: tuple[str, ...],
    each_token: bool,
    as_json: bool,
    no_header: bool,
    summary: Path | None,
    on_bad_bytes: OnBadBytes,
    given: Tables,
) -> None:
    """Give each line of FILEs its log-probability, in the order of the lines.

    Without FILE, or if it is -, lines come from standard input; either may be packed with gzip. Columns are
    separated by tabs: the line's number, natural and base-10 logarithm of its probability, number of tokens, how many
    of them are out of vocabulary, and perplexity. The totals follow on standard error.
    """
    options = given_settings(given, ScoringOptions)
    model = Target.of(run_or_model).open()
    lines = InputLines(files, on_bad_bytes=on_bad_bytes)
    rows = _Rows(model.tokenizer, lines, each_token=each_token, as_json=as_json, name_files=len(files) > 1)
    totals = ScoreSummary()
    if not (as_json or no_header):
        sys.stdout.write(rows.header)
    for scored in score_lines(model, lines, options):
        totals.add(scored)
        sys.stdout.write(rows.of(scored))
        if scored.number % options.read_ahead == 0:
            sys.stdout.flush()  # who feeds lines slowly, with a small --read-ahead, waits for these
    sys.stdout.flush()
    if summary is None:
        click.echo("\n".join(totals.describe()), err=True)
    else:
        write_file(summary, json.dumps(totals.to_table(), indent=2, allow_nan=False).encode() + b"\n")


@dataclass(frozen=True)
class _Rows:
    """What is printed of each line."""

    tokenizer: Tokenizer
    lines: InputLines
    each_token: bool
    as_json: bool
    name_files: bool

    @property
    def header(self) -> str:
        """The names of the columns."""
        names = _TOKEN_COLUMNS if self.each_token else _COLUMNS
        return "\t".join(("file", *names) if self.name_files else names) + "\n"

    def of(self, scored: LineScore) -> str:
        """Return the rows of a line."""
        place = self.lines.place_of(scored.number)
        if self.as_json:
            table: dict[str, Any] = {"file": place.source} if self.name_files else {}
            table |= {**scored.to_table(), "line": place.line}
            if self.each_token:
                table["tokens"] = [
                    token | {name: finite(token[name]) for name in ("log_prob", "log10_prob")}
                    for token in self._tokens(scored)
                ]
            return json.dumps(table, allow_nan=False) + "\n"
        before = (printable(place.source), place.line) if self.name_files else (place.line,)
        if self.each_token:
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
                "rank": rank,
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
