"""`nextword surprise`: which lines did the model not expect?"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.cli.options.shared import bad_bytes_option, json_option
from nextword.cli.options.target import engine_option, open_text_model, run_or_model_argument
from nextword.inference.scoring.lines import ScoringOptions
from nextword.inference.scoring.surprise import Measure, SurprisingLine, most_surprising_lines, surprising_lines
from nextword.text.options import OnBadBytes
from nextword.text.reading.input_lines import InputLines, LinePlace
from nextword.text.reading.printable import printable

_DEFAULT_COUNT = 10
_MOST_SHOWN = 200


@command(
    ScoringOptions,
    examples=[
        'echo "I am very much obliged to the moon ." | nextword surprise austen',
        "nextword surprise runs/demo lines.txt --by max -k 3",
        "nextword surprise runs/demo --by max --threshold 12 < lines.txt",
    ],
)
@run_or_model_argument
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "-k",
    "--top",
    "count",
    type=click.IntRange(1),
    help="Number of lines to show.",
    show_default=f"{_DEFAULT_COUNT}; all with --threshold",
)
@click.option(
    "--by",
    "measure",
    type=click.Choice(["excess", "mean", "max", "sum"]),
    default="excess",
    help="Rank by the surprisal of the tokens: mean, highest, sum, or mean excess over how rare each is by itself.",
)
@click.option(
    "--threshold", type=float, help="Show lines of at least X bits, in the order of the text.", show_default="none"
)
@click.option(
    "--top-tokens", "num_words", type=click.IntRange(0), default=5, help="Number of tokens to show below each line."
)
@bad_bytes_option
@engine_option
@json_option
def surprise(
    run_or_model: Path,
    files: tuple[str, ...],
    count: int | None,
    measure: Measure,
    threshold: float | None,
    num_words: int,
    as_json: bool,
    on_bad_bytes: OnBadBytes,
    given: Tables,
) -> None:
    """Find the lines or sentences that a model expects least.

    Lines come from FILEs, or from standard input if there is none or FILE is -. Both may be packed. In prose whose
    paragraphs have blank lines between them, sentences are found, if the model was trained on such a text. Surprisal is
    in bits: a token of probability 1/2 has one bit, one of 1/1024 has ten. Below each line are its most surprising
    tokens; a * marks words outside the vocabulary.
    """
    scoring = given_settings(given, ScoringOptions)
    options: dict[str, Any] = {"measure": measure, "num_words": num_words, "options": scoring}
    model = open_text_model(run_or_model)
    lines = InputLines(files, on_bad_bytes=on_bad_bytes)
    found: Iterable[SurprisingLine]
    if threshold is not None and count is None:
        found = surprising_lines(model, lines, threshold=threshold, **options)
    else:
        least = -math.inf if threshold is None else threshold
        found = most_surprising_lines(model, lines, count or _DEFAULT_COUNT, threshold=least, **options)
    for line in found:
        place = lines.place_of(line.number)
        table = {"file": place.source, **line.to_table(), "number": place.line}
        click.echo(json.dumps(table, allow_nan=False) if as_json else _shown(line, place))


def _shown(line: SurprisingLine, place: LinePlace) -> str:
    named = f"{line.bits:8.2f} bits  {printable(place.source)}:{place.line}  {printable(_cut(line.text))}".rstrip()
    words = (f"{_cut(token.token)}{'' if token.is_known else '*'} {token.bits:.1f}" for token in line.tokens)
    return f"{named}\n{'':15}{'  '.join(words)}".rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
