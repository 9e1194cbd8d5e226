"""`nextword surprise`: which lines did the model not expect?"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, argument, given_settings, option
from nextword.cli.options.target import AnswerOptions
from nextword.errors import printable
from nextword.inference.scoring.lines import ScoringOptions
from nextword.inference.scoring.surprise import Measure, SurprisingLine, most_surprising_lines, surprising_lines
from nextword.text.reading.lines import InputLines, LinePlace

_DEFAULT_COUNT = 10
_MAX_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class _SurpriseOptions(AnswerOptions):
    files: tuple[str, ...] = argument((), metavar="[FILE]...")
    top: int | None = option(
        None, "-k", help="Number of lines to show.", at_least=1, unset=f"{_DEFAULT_COUNT}; all with --threshold"
    )
    by: Measure = option(
        "excess",
        help="Rank by the surprisal of the tokens: mean, highest, sum, or excess over how rare each is by itself.",
    )
    threshold: float | None = option(None, help="Show lines of at least X bits, in the order of the text.")
    top_tokens: int = option(5, help="Number of tokens to show below each line.", at_least=0)


@command(
    _SurpriseOptions,
    ScoringOptions,
    examples=[
        'echo "I am very much obliged to the moon." | nextword surprise austen',
        "nextword surprise runs/demo lines.txt --by max -k 3",
        "nextword surprise runs/demo --by max --threshold 12 < lines.txt",
    ],
)
def surprise(options: _SurpriseOptions, given: Tables) -> None:
    """Find the lines or sentences that a model expects least.

    Lines come from FILEs, or from standard input if there is none or FILE is -. Both may be packed. In prose whose
    paragraphs have blank lines between them, sentences are found, if the model was trained on such a text. Surprisal is
    in bits: a token of probability 1/2 has one bit, one of 1/1024 has ten. Below each line are its most surprising
    tokens; a * marks words outside the vocabulary.
    """
    scoring = given_settings(given, ScoringOptions)
    how: dict[str, Any] = {"measure": options.by, "num_words": options.top_tokens, "options": scoring}
    model = options.open_model()
    lines = InputLines(options.files, on_bad_bytes=options.on_bad_bytes)
    threshold, count = options.threshold, options.top
    surprising: Iterable[SurprisingLine]
    if threshold is not None and count is None:
        surprising = surprising_lines(model, lines, threshold=threshold, **how)
    else:
        least = -math.inf if threshold is None else threshold
        surprising = most_surprising_lines(model, lines, count or _DEFAULT_COUNT, threshold=least, **how)
    for line in surprising:
        place = lines.place_of(line.number)
        options.show({"file": place.source, **line.to_table(), "number": place.line}, _shown(line, place))


def _shown(line: SurprisingLine, place: LinePlace) -> str:
    named = f"{line.bits:8.2f} bits  {printable(place.source)}:{place.line}  {printable(_cut(line.text))}".rstrip()
    words = (f"{_cut(token.token)}{'' if token.is_known else '*'} {token.bits:.1f}" for token in line.tokens)
    return f"{named}\n{'':15}{'  '.join(words)}".rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
