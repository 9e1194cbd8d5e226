"""`nextword rank`: what fits into the gap?"""

import json
from pathlib import Path

import click

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.cli.options.shared import bad_bytes_option, json_option
from nextword.cli.options.target import engine_option, open_text_model, run_or_model_argument
from nextword.errors import SettingError
from nextword.inference.scoring.gaps import proposals as proposed
from nextword.inference.scoring.gaps import rank as rank_candidates
from nextword.inference.scoring.lines import ScoringOptions
from nextword.text.options import OnBadBytes
from nextword.text.reading.input_lines import InputLines
from nextword.text.reading.printable import printable

_PROPOSALS = 200


@command(
    ScoringOptions,
    without=["carry", "read_ahead"],
    examples=[
        'nextword rank austen "I am very much ___ ." obliged pleased happy',
        'nextword rank austen "She ___ the letter ." -k 5',
        'nextword rank runs/demo "a ___ b" --candidates words.txt --json',
    ],
)
@run_or_model_argument
@click.argument("text")
@click.argument("candidates", nargs=-1)
@click.option(
    "--candidates",
    "file",
    metavar="FILE",
    help="File with one candidate per line; - is standard input.",
    show_default="none",
)
@click.option("--gap", default="___", help="What marks the gap in TEXT.")
@click.option(
    "-k",
    "--top",
    "count",
    type=click.IntRange(1),
    help="Number of candidates to show.",
    show_default="all that are given, or 10",
)
@click.option(
    "--proposals",
    type=click.IntRange(1),
    help="Number of words that the model proposes if no candidates are given.",
    show_default=str(_PROPOSALS),
)
@bad_bytes_option
@engine_option
@json_option
def rank(
    run_or_model: Path,
    text: str,
    candidates: tuple[str, ...],
    file: str | None,
    gap: str,
    count: int | None,
    proposals: int | None,
    as_json: bool,
    on_bad_bytes: OnBadBytes,
    given: Tables,
) -> None:
    """Rank words or phrases for a gap in a text.

    TEXT is one line with ___ where a word is missing. The words after the gap count too. Each line of the output has
    the candidate's probability among all candidates, the natural logarithm of the text's probability, and the
    candidate. Without CANDIDATES, the model proposes words.
    """
    options = given_settings(given, ScoringOptions)
    named = _named(candidates, file, on_bad_bytes)
    if named is not None and proposals is not None:
        raise SettingError("`--proposals` does not go with candidates; leave it out")
    model = open_text_model(run_or_model)
    if named is None:
        count, proposals = count or 10, proposals or _PROPOSALS
        named = proposed(model, text, gap=gap, count=proposals)
    ranked = rank_candidates(model, text, named, gap=gap, options=options)[:count]
    if as_json:
        click.echo(json.dumps({"text": text, "candidates": [found.to_table() for found in ranked]}, allow_nan=False))
        return
    for found in ranked:
        click.echo(f"{found.probability:8.3%}  {found.log_prob:10.3f}  {printable(found.candidate)}")


def _named(candidates: tuple[str, ...], file: str | None, on_bad_bytes: OnBadBytes) -> list[str] | None:
    """Return the candidates that were given, or `None` if the model has to find some."""
    if file is None:
        return list(candidates) or None
    if candidates:
        raise SettingError(
            "candidates must be arguments or come from `--candidates FILE`, but both are given; leave one out"
        )
    return [line for line in InputLines([file], on_bad_bytes=on_bad_bytes) if line.strip()]
