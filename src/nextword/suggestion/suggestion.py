"""What may come next: the most probable words after a text."""

from dataclasses import dataclass

import numpy as np

from nextword.engine.engine import read_text
from nextword.engine.text_model import TextModel
from nextword.settings import require_at_least
from nextword.suggestion.letter_case import begins_sentence, capitalized
from nextword.suggestion.lexicon import lexicon_of, top_k
from nextword.suggestion.spelling import WordParts, spell
from nextword.suggestion.typed_text import TypedText


@dataclass(frozen=True)
class Suggestion:
    """A word that may come next.

    Attributes:
        text: The word, or the mark, as shown to a person; for a model of characters the character.
        probability: That it comes next, whatever spaces are beside it.
    """

    text: str
    probability: float


def suggest(model: TextModel, text: str, k: int = 5, *, restore_case: bool = False) -> list[Suggestion]:
    r"""Return the `k` most probable words after a text, the most probable first.

    Neither `<unk>` nor `<eos>` is among them, so that the probabilities of all suggestions sum to less than one. Marks
    that differ in the spaces beside them alone, such as `","` and `", "`, are one suggestion. A space at the end of the
    text changes nothing, but for a model of characters, which reads it as any other character. If the vocabulary has
    no capitals, what is outside it is read in lower case.

    Args:
        model: The model at work.
        text: What has been said, its last word complete; empty for the beginning of a text.
        k: How many to return; fewer if the vocabulary has no more.
        restore_case: Whether a word that begins a sentence gets a capital if the vocabulary has none.

    Raises:
        SettingError: `k` is below 1.
        TextError: The text is refused by the tokenizer.
    """
    require_at_least("k", k, 1)
    engine, tokenizer = model.engine, model.tokenizer
    lexicon = lexicon_of(tokenizer.vocabulary)
    said = TypedText(tokenizer, lower_case=lexicon.is_lower_cased)
    said.insert(text if tokenizer.kind == "character" else text.rstrip(" \t"))
    pieces = said.prompt_pieces()
    log_probs, state = read_text(engine, [piece.token_id for piece in pieces])
    if tokenizer.kind == "subword":
        said.insert(" ")
        word_parts = WordParts(tokenizer.vocabulary, tokenizer.kind)
        best = spell(engine, (log_probs[0], state), word_parts, ("", said.unread), k)
    else:
        probabilities = lexicon.word_probabilities(np.exp(log_probs[0].astype(np.float64)))
        words = top_k(probabilities, k).tolist()
        best = [(tokenizer.display(int(lexicon.first_tokens[word])), float(probabilities[word])) for word in words]
    capital = restore_case and lexicon.is_lower_cased and begins_sentence(piece.text for piece in reversed(pieces))
    return [Suggestion(capitalized(shown) if capital else shown, probability) for shown, probability in best]
