"""Ranks of the right suggestion before each word of a text and after each of its letters.

They are those of a `SuggestionSession` in which the text is typed key by key. The session is not asked after each key:
the engine reads each token once, and each prefix of a word is looked up in the distribution before the word.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.suggestion.lexicon import lexicon_of
from nextword.inference.suggestion.reader import NodePrediction, TextReader
from nextword.inference.suggestion.session import needs_space, spaced_mark
from nextword.inference.suggestion.spelling import SPELLED
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.user_words import UserWords
from nextword.inference.suggestion.word_cache import WordCache
from nextword.inference.suggestion.word_candidates import Candidates, WordCandidates
from nextword.text.tokens.pre_tokens import MARKS, is_mark, is_word_character, segments, slices, tidy
from nextword.text.tokens.tokenizer import Tokenizer


class TypedPiece(NamedTuple):
    """A word, a mark or a line end."""

    text: str  # the word or mark without spaces; the line breaks of a line end
    is_word: bool  # whether it has a letter or digit
    is_end: bool  # whether it is a line end
    can_be_begun: bool  # whether its first letters are completed; a mark of running text is a single key
    spaced: str  # the piece with the spaces that belong to its token
    space_before: bool  # whether a space is between it and the piece before
    space_after: bool  # whether a space is between it and the piece after
    follows_word: bool  # whether a word is directly before it, without a space


def typed_pieces(tokenizer: Tokenizer, lines: Iterable[str]) -> Iterator[TypedPiece]:
    """Yield the pieces of lines, with a line end after each line or paragraph."""
    end = TypedPiece(MARKS[tokenizer.line_ends], False, True, False, "", False, False, False)
    for segment in segments(lines, tokenizer.line_ends):
        yield from _pieces_of(tokenizer, tidy(segment, tokenizer.kind))
        yield end


def _pieces_of(tokenizer: Tokenizer, tidied: str) -> Iterator[TypedPiece]:
    place, after_word, space_before = 0, False, False
    for part in slices(tidied, tokenizer.kind):
        for spaced, _ in tokenizer.cut(part):
            text = spaced.strip(" ")
            start = tidied.index(text, place)
            space_before = start > place
            place = start + len(text)
            mark = tokenizer.kind == "word" and is_mark(text)
            yield TypedPiece(
                text=text,
                is_word=any(map(is_word_character, text)),
                is_end=False,
                can_be_begun=not mark,
                spaced=spaced,
                space_before=space_before,
                space_after=tidied[place : place + 1] == " ",
                follows_word=after_word and not space_before,
            )
            after_word = not mark


class PieceRanks(NamedTuple):
    """The ranks of a piece among the suggestions, 1 for the first; 0 if it is not among the first `k`."""

    next_word: int  # rank before its first letter
    # Whether it is suggested there, and accepting it gives the text; false if a wrong space would come with it.
    fits: bool
    completions: tuple[int, ...]  # rank after each of its letters but the last, `len(piece) - 1`

    @property
    def can_be_taken(self) -> bool:
        """Whether it is ever suggested so that it can be accepted."""
        return self.fits or any(self.completions)


class RankedPiece(NamedTuple):
    """A typed piece and its ranks."""

    piece: TypedPiece
    is_known: bool  # whether the vocabulary has it, apart from capitals if the vocabulary has none
    plain: PieceRanks  # its ranks without learned words
    learned: PieceRanks  # its ranks if the words typed before are learned


_ABSENT = PieceRanks(0, False, ())


class PieceRanker:
    """Ranks the pieces of a text, which is typed from its beginning.

    Raises:
        SettingError: Tokens of the model are parts of words.
    """

    def __init__(
        self, model: TextModel, k: int, *, user_words: UserWords | None = None, options: SessionOptions
    ) -> None:
        kind = model.tokenizer.kind
        if kind in SPELLED:
            raise SettingError(
                f"keystrokes need a model whose tokens are words, but those of this model are {kind}s; evaluate a "
                "model with the tokenizer `word` or `pretokenized`"
            )
        self._tokenizer = model.tokenizer
        self._lexicon = lexicon_of(model.tokenizer.vocabulary)
        self._k = k
        self._options = options
        self._reader = TextReader(
            model,
            lower_case=self._lexicon.is_lower_cased,
            words=UserWords() if user_words is None else user_words,
            uses=(),
            options=options.replace(learn=True),
        )
        theta, memory = options.user_word_theta, options.user_word_memory
        self._no_words = WordCache(UserWords(), model.tokenizer.vocabulary, theta=theta, memory=memory)
        self._candidates: dict[bool, tuple[object, WordCandidates]] = {}
        self._may_take_previous = False

    def ranked(self, pieces: Iterable[TypedPiece]) -> Iterator[RankedPiece]:
        """Yield each piece of a text with its ranks."""
        for piece in pieces:
            if piece.is_end:
                self._reader.insert(piece.text)
                ranks = _ABSENT, _ABSENT
            else:
                ranks = self._ranks_of(piece)
            self._may_take_previous = any(each.can_be_taken for each in ranks)
            yield RankedPiece(piece, self._is_known(piece), *ranks)

    def _ranks_of(self, piece: TypedPiece) -> tuple[PieceRanks, PieceRanks]:
        """Type a piece, and return its ranks without and with learned words."""
        if piece.space_before:
            self._reader.insert(" ")
        before = self._ranks_before(piece)
        self._reader.insert(piece.text[0])
        completions = self._completion_ranks(piece) if piece.can_be_begun else ((), ())
        self._reader.insert(piece.text[1:])
        plain, learned = (PieceRanks(*each, after) for each, after in zip(before, completions, strict=True))
        return plain, learned

    def _ranks_before(self, piece: TypedPiece) -> list[tuple[int, bool]]:
        """Return the rank of a piece before its first key, and whether it fits there."""
        if not piece.follows_word:
            return self._next_ranks(piece)
        if not self._may_take_previous:  # so the word before is typed to its end, and no space is after it
            return [(0, False)] * 2
        self._reader.insert(" ")  # as the suggestion of the word before has brought it
        ranks = self._next_ranks(piece)
        self._reader.remove(1)
        return ranks

    def _next_ranks(self, piece: TypedPiece) -> list[tuple[int, bool]]:
        prediction, typed = self._reader.read(), self._reader.typed
        wants_capital = self._options.restore_case and self._lexicon.is_lower_cased and typed.begins_sentence
        ranks = []
        for candidates in self._variants(prediction):
            shown = candidates.sentence_beginnings(self._k) if wants_capital else candidates.next_words(self._k)
            ranks.append(_rank(piece.text, shown))
        fits = any(ranks) and self._fits(piece, prediction)
        return [(rank, rank > 0 and fits) for rank in ranks]

    def _fits(self, piece: TypedPiece, prediction: NodePrediction) -> bool:
        """Return whether accepting a piece gives the text, up to a space that the next key replaces."""
        if mark := spaced_mark(self._tokenizer, piece.text, prediction.log_probs):
            return mark == piece.spaced and mark.startswith(" ") == piece.space_before
        return not needs_space(self._reader.typed, self._tokenizer)

    def _completion_ranks(self, piece: TypedPiece) -> tuple[tuple[int, ...], ...]:
        if len(piece.text) == 1:
            return (), ()
        prefixes = [piece.text[:length] for length in range(1, len(piece.text))]
        plain, learned = self._variants(self._reader.read())
        ranks = tuple(_rank(piece.text, plain.completions(prefix, self._k)) for prefix in prefixes)
        if learned is plain:
            return ranks, ranks
        return ranks, tuple(_rank(piece.text, learned.completions(prefix, self._k)) for prefix in prefixes)

    def _variants(self, prediction: NodePrediction) -> tuple[WordCandidates, WordCandidates]:
        """Return the candidates after the text without and with learned words."""
        plain, cache = self._cached(prediction, self._no_words), self._reader.cache
        return plain, self._cached(prediction, cache) if cache.words or len(cache.forgotten) else plain

    def _cached(self, prediction: NodePrediction, cache: WordCache) -> WordCandidates:
        key = (self._reader.node, cache.version)
        found = self._candidates.get(cache is self._no_words)
        if found is None or found[0] != key:
            found = key, WordCandidates(prediction, self._lexicon, cache, self._options)
            self._candidates[cache is self._no_words] = found
        return found[1]

    def _is_known(self, piece: TypedPiece) -> bool:
        vocabulary = self._tokenizer.vocabulary
        lowered = self._lexicon.is_lower_cased and piece.text.lower() in vocabulary
        return piece.is_end or lowered or piece.text in vocabulary or piece.spaced in vocabulary


def _rank(word: str, shown: Candidates) -> int:
    """Return the place of a word among suggestions, from 1; 0 if it is not among them."""
    return next((rank for rank, (text, _) in enumerate(shown, 1) if text == word), 0)
