"""A warning about lines with many words that a model does not know."""

from collections.abc import Iterable

from nextword.cli.output.messages import say
from nextword.text.tokens.vocabulary import Vocabulary

_MANY = 0.3
"""Share of unknown words above which scores say little about a line."""


def lower_cased(lines: Iterable[str], *, lowercase: bool) -> Iterable[str]:
    """Return the lines, in lower case if `lowercase`."""
    return (line.lower() for line in lines) if lowercase else lines


def warn_of_unknown_words(num_unknown: int, num_tokens: int, vocabulary: Vocabulary, *, lowercase: bool) -> None:
    """Print a warning with a remedy if 30 % of the tokens are unknown.

    Args:
        num_unknown: Tokens that the vocabulary lacks.
        num_tokens: All tokens.
        vocabulary: The vocabulary of the model.
        lowercase: Whether the lines were read in lower case.
    """
    if num_unknown < _MANY * max(1, num_tokens):
        return
    advice = "train on text that is written as these lines are"
    if any(token != token.lower() for token in vocabulary.tokens):
        advice = f"write capitals and punctuation as in the text of the model, or {advice}"
    elif not lowercase:
        advice = f"give `--lowercase` if they have capitals, or {advice}"
    share = f"{num_unknown / num_tokens:.0%} of the tokens are not in the vocabulary of the model"
    say(f"warning: {share}, so the scores say little\nhint: {advice}")
