"""The most probable next words after a text."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nextword.display.table import html_bar, html_table
from nextword.engine.engine import read_text
from nextword.engine.text_model import TextModel
from nextword.inference.highest import highest_positive
from nextword.inference.suggestion.lexicon import begins_sentence, capitalized, lexicon_of
from nextword.inference.suggestion.spelling import WordParts, spell
from nextword.inference.suggestion.typed_text import TypedText
from nextword.settings import Settings, require_at_least, require_text, setting


@dataclass(frozen=True, kw_only=True)
class SessionOptions(Settings):
    """Options for suggestions while a text is typed.

    Raises:
        SettingError: A value is out of range.

    Example:
        >>> import nextword
        >>> options = nextword.SessionOptions(restore_case=False)
        >>> session = nextword.load("austen").session(options=options)
        >>> session.type("i am very much ob")
        >>> session.suggestions(k=1)[0].text
        'obliged'
    """

    group: ClassVar[str] = "session"
    task: ClassVar[str] = "session"

    learn: bool = setting(True, help="Suggest words outside the vocabulary after they were typed.")
    restore_case: bool = setting(True, help="Start sentences with a capital letter, and keep the case as typed.")
    case_weight: float = setting(
        0.1, help="Weight of a word whose case differs from what was typed.", at_least=0.0, at_most=1.0
    )
    history: int = setting(256, help="Number of earlier states to keep for edits.", at_least=1, at_most=2**16)
    user_word_weight: float = setting(0.1, help="Probability of user words in their context.", at_least=0.0, below=1.0)
    user_word_theta: float = setting(
        10.0, help="How similar a context must be to a user word's.", at_least=0.0, at_most=1e4
    )
    user_word_memory: int = setting(500, help="Number of uses of user words to remember.", at_least=1, at_most=2**16)
    beam_width: int = setting(
        8, help="Number of beginnings to follow when a word is spelled from characters.", at_least=1, at_most=1024
    )
    beam_length: int = setting(24, help="Most characters of a spelled word.", at_least=1, at_most=1024)


@dataclass(frozen=True)
class Suggestion:
    """A suggested word and its probability.

    Attributes:
        text: The word or punctuation mark to display; a character for a character model.
        probability: Probability of the word, summed over its variants with and without spaces.

    Example:
        >>> import nextword
        >>> nextword.load("austen").suggest("I am very much", k=1)[0].text
        'obliged'
    """

    text: str
    probability: float


class Suggestions(list[Suggestion]):
    """A list of suggestions that a notebook shows as a table.

    Example:
        >>> Suggestions([Suggestion("much", 0.25)])
        [Suggestion(text='much', probability=0.25)]
    """

    def _repr_html_(self) -> str:
        highest = max((each.probability for each in self), default=0.0) or 1.0
        rows = [(each.text, f"{each.probability:.2%}", html_bar(each.probability / highest)) for each in self]
        return html_table(("word", "probability", ""), rows)


def suggest(model: TextModel, text: str, k: int = 5, *, restore_case: bool = True) -> Suggestions:
    r"""Return the `k` most probable words after a text, most probable first.

    `<unk>` and `<eos>` are not suggested, so the probabilities of all suggestions sum to less than one. Punctuation
    marks that differ only in spaces, such as `","` and `", "`, are one suggestion. A space at the end of the text has
    no effect, except for a character model, which reads it as a character. If the vocabulary has no capital letters,
    unknown words are read in lower case.
    """
    require_text("text", text)
    require_at_least("k", k, 1)
    engine, tokenizer = model.engine, model.tokenizer
    lexicon = lexicon_of(tokenizer.vocabulary)
    typed = TypedText(tokenizer, lower_case=lexicon.is_lower_cased)
    typed.insert(text if tokenizer.kind == "character" else text.rstrip(" \t"))
    pieces = typed.prompt_pieces()
    log_probs, state = read_text(engine, [piece.token_id for piece in pieces], model.prefixes)
    if tokenizer.kind == "subword":
        typed.insert(" ")
        word_parts = WordParts(tokenizer.vocabulary, tokenizer.kind)
        best = spell(engine, (log_probs[0], state), word_parts, ("", typed.unread), k)
    else:
        probabilities = lexicon.word_probabilities(np.exp(log_probs[0].astype(np.float64)))
        words = highest_positive(probabilities, k).tolist()
        best = [(tokenizer.display(int(lexicon.first_tokens[word])), float(probabilities[word])) for word in words]
    capital = restore_case and lexicon.is_lower_cased and begins_sentence(piece.text for piece in reversed(pieces))
    best = merged((capitalized(word), probability) for word, probability in best) if capital else best
    return Suggestions(Suggestion(word, probability) for word, probability in best)


def merged(candidates: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Merge equal words and sum their probabilities, the most probable first."""
    totals: defaultdict[str, float] = defaultdict(float)
    for word, probability in candidates:
        totals[word] += probability
    return sorted(totals.items(), key=lambda item: -item[1])
