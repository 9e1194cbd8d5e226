"""Scores words one by one for decoders; each context is read once and cached."""

from bisect import bisect_left
from collections.abc import Collection
from functools import lru_cache

from nextword.engine.text_model import TextModel
from nextword.inference.scoring.word_context import WordContext, WordScore, WordTokenizer
from nextword.settings import require_at_least
from nextword.text.tokens.pre_tokens import pre_tokenizer
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN


class KnownWords:
    """Checks with a binary search whether a known word begins with some characters.

    A word of running text may have several tokens. Then all but the last must be known, and a known token must begin
    with the last.

    By default, all words that consist of tokens of the vocabulary are known.

    Example:
        >>> from nextword.text.tokens.vocabulary import Vocabulary
        >>> known = KnownWords(Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "said", ", "))))
        >>> [known.begins_word(partial) for partial in ("sa", "said", "said,", "so")]
        [True, True, True, False]
    """

    def __init__(self, tokenizer: Tokenizer, words: Collection[str] | None = None) -> None:
        self._kind = tokenizer.kind if words is None else "pretokenized"
        tokens = (token.strip(" ") for token in tokenizer.vocabulary.tokens if token not in (UNKNOWN, END))
        self._sorted = sorted(set(tokens) if words is None else set(words))
        self._cut = pre_tokenizer("word").pre_tokenize_str

    def begins_word(self, partial: str) -> bool:
        """Return whether a known word begins with `partial`; an empty `partial` always does."""
        match self._kind:
            case "pretokenized":
                return self._begins(partial)
            case "subword" | "character":
                return all(map(self._is, partial))
            case "word":
                *whole, last = [piece for piece, _ in self._cut(partial)] or [""]
                return (all(map(self._is, whole)) and self._begins(last)) or self._begins(partial)  # such as don'

    def _is(self, piece: str) -> bool:
        place = bisect_left(self._sorted, piece)
        return place < len(self._sorted) and self._sorted[place] == piece

    def _begins(self, piece: str) -> bool:
        place = bisect_left(self._sorted, piece)
        return not piece or (place < len(self._sorted) and self._sorted[place].startswith(piece))


class WordModel:
    r"""Scores words one by one, for any tokenizer.

    The log-probabilities of the words of a line and of its end sum to the log-probability of the line:

    $$\ln p(w_1 \dots w_n) = \sum_i \ln p(w_i \mid w_1 \dots w_{i-1}) + \ln p(\text{end} \mid w_1 \dots w_n).$$

    Args:
        model: The model.
        history: Number of cached scores of a word in its context; each may hold a distribution `(V,)`.
        spell: Whether an unknown word is charged for its spelling; `<unk>` itself has none.
        known: The words that count as known (default: all words that the model knows).

    Raises:
        SettingError: `history` is below 1.

    Example:
        >>> import nextword
        >>> words = WordModel(nextword.load("austen"))
        >>> scored = words.score(words.start(bos=True), "She")
        >>> scored.is_known, scored.log_prob < 0
        (True, True)
    """

    def __init__(
        self, model: TextModel, *, history: int = 1024, spell: bool = True, known: Collection[str] | None = None
    ) -> None:
        require_at_least("history", history, 1)
        words = WordTokenizer(model.tokenizer, spell=spell)
        self._starts = {bos: WordContext.start(model.engine, words, bos=bos) for bos in (True, False)}
        self._unknown = _unknown_word(model.tokenizer)
        self._unknown_spelling = sum(words.tokens(self._unknown, "nothing").spelling_log_probs[:2])
        self._known = KnownWords(model.tokenizer, known)
        self._scored = lru_cache(maxsize=history)(WordContext.score)

    def start(self, *, bos: bool = True) -> WordContext:
        """Return the context at the beginning of a line, or without `bos`, an unknown context."""
        return self._starts[bos]

    def score(self, context: WordContext, word: str) -> WordScore:
        """Score `word` as the next word."""
        if word == UNKNOWN:
            scored = self._scored(context, self._unknown)
            return scored._replace(log_prob=scored.log_prob - self._unknown_spelling)
        return self._scored(context, word)

    def begins_word(self, partial: str) -> bool:
        """Return whether a word that the model knows begins with `partial`."""
        return self._known.begins_word(partial)

    def score_end(self, context: WordContext) -> float:
        """Return the natural log-probability that the line ends here."""
        return context.score_end().log_prob


def _unknown_word(tokenizer: Tokenizer) -> str:
    """Return what stands for `<unk>`: in running text an unknown word, since `<unk>` would be split at its brackets."""
    word = UNKNOWN if tokenizer.kind != "word" else "unk"
    while tokenizer.kind == "word" and word in tokenizer.vocabulary:
        word += "k"
    return word
