"""`nextword rank`: what fits into the gap?"""

from dataclasses import dataclass

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import LINE, Tables, argument, given_settings, option
from nextword.cli.options.target import AnswerOptions
from nextword.errors import SettingError, printable
from nextword.inference.scoring.gaps import proposals as proposed
from nextword.inference.scoring.gaps import rank as rank_candidates
from nextword.inference.scoring.lines import ScoringOptions
from nextword.text.reading.lines import InputLines

_PROPOSALS = 200


@dataclass(frozen=True, kw_only=True)
class _RankOptions(AnswerOptions):
    text: str = argument(meaning=LINE)
    candidates: tuple[str, ...] = argument(())
    file: str | None = option(
        None, "--candidates", help="File with one candidate per line; - is standard input.", metavar="FILE"
    )
    gap: str = option("___", help="What marks the gap in TEXT.")
    top: int | None = option(
        None, "-k", help="Number of candidates to show.", at_least=1, unset="all that are given, or 10"
    )
    proposals: int | None = option(
        None,
        help="Number of words that the model proposes if no candidates are given.",
        at_least=1,
        unset=str(_PROPOSALS),
    )


@command(
    _RankOptions,
    ScoringOptions,
    without=["carry", "read_ahead"],
    examples=[
        'nextword rank austen "I am very much ___." obliged pleased happy',
        'nextword rank austen "She ___ the letter." -k 5',
        'nextword rank runs/demo "a ___ b" --candidates words.txt --json',
    ],
)
def rank(options: _RankOptions, given: Tables) -> None:
    """Rank words or phrases for a gap in a text.

    TEXT is one line with ___ where a word is missing. The words after the gap count too. Each line of the output has
    the candidate's probability among all candidates, the natural logarithm of the text's probability, and the
    candidate. Without CANDIDATES, the model proposes words.
    """
    text, gap, count = options.text, options.gap, options.top
    named = _named(options)
    if named is not None and options.proposals is not None:
        raise SettingError("`--proposals` does not go with candidates; leave it out")
    model = options.open_model()
    if named is None:
        count = count or 10
        named = proposed(model, text, gap=gap, count=options.proposals or _PROPOSALS)
    ranked = rank_candidates(model, text, named, gap=gap, options=given_settings(given, ScoringOptions))[:count]
    lines = (f"{each.probability:8.3%}  {each.log_prob:10.3f}  {printable(each.candidate)}" for each in ranked)
    options.show({"text": text, "candidates": [each.to_table() for each in ranked]}, "\n".join(lines))


def _named(options: _RankOptions) -> list[str] | None:
    """Return the candidates that were given, or `None` if the model has to find some."""
    if options.file is None:
        return list(options.candidates) or None
    if options.candidates:
        raise SettingError(
            "candidates must be arguments or come from `--candidates FILE`, but both are given; leave one out"
        )
    return [line for line in InputLines([options.file], on_bad_bytes=options.on_bad_bytes) if line.strip()]
