r"""Keystrokes that suggestions save someone who types a text and takes each right suggestion as soon as it is shown.

With $K$ the keys that the text takes without suggestions and $K_n$ those that it takes if $n$ suggestions are shown,

$$\text{savings} = 1 - K_n / K.$$

The rules:

- Each character is one key, capitals, marks and spaces included. The end of a line or paragraph is one key.
- Suggestions are shown before the first letter of a word or mark and after each letter. One key takes one of the first
  $n$, and brings the space after the word.
- The right suggestion is the next word of the text in its own case. It is taken the first time that it is among the
  first $n$, and no other suggestion is ever taken. The typist makes no mistakes.
- A mark that follows a taken word, or a line end, replaces the space at no cost, as on phones. A mark is taken like a
  word, if it is suggested and brings exactly its spaces.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from nextword.display.table import html_table
from nextword.engine.text_model import TextModel
from nextword.errors import EvaluationError
from nextword.inference.evaluation.ranked_pieces import PieceRanker, PieceRanks, TypedPiece, typed_pieces
from nextword.inference.suggestion.lexicon import is_lower_cased
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.user_words import UserWords
from nextword.settings import require_at_least

SLOTS = (1, 3, 5)
"""Numbers of suggestions that are shown."""

HITS = (1, 3)
"""Numbers of suggestions that a hit may be among before the first letter of a word."""

COMPLETION_SLOTS = 3
"""Number of suggestions that a hit may be among after a letter."""


@dataclass(frozen=True)
class SlotSavings:
    """The keys that a number of suggestions saves."""

    num_slots: int
    num_keys: int
    num_saved_by_next_word: int
    num_saved_by_completion: int

    @property
    def num_saved(self) -> int:
        """Keys saved."""
        return self.num_saved_by_next_word + self.num_saved_by_completion


@dataclass(frozen=True)
class Keystrokes:
    """What suggestions are worth to someone who types a text.

    Attributes:
        num_keys: Keys that the text takes without suggestions.
        num_words: Words, which have a letter or digit.
        num_out_of_vocabulary: Words that are not in the vocabulary.
        num_keys_out_of_vocabulary: Their letters.
        slots: The savings of each number of suggestions.
        next_word_hits: For 1 and 3 suggestions, the number of words that are among them before their first letter.
        num_begun_words: Words of at least two letters.
        completion_hits: Sum of `completion_rate` over these words.

    Example:
        >>> import nextword
        >>> found = nextword.load("austen").keystrokes("She was very much obliged to him.").plain
        >>> found.num_keys, found.num_words, found.savings(5) > found.savings(1)
        (34, 7, True)
    """

    num_keys: int
    num_words: int
    num_out_of_vocabulary: int
    num_keys_out_of_vocabulary: int
    slots: tuple[SlotSavings, ...]
    next_word_hits: tuple[int, ...]
    num_begun_words: int
    completion_hits: float

    def __repr__(self) -> str:
        saved = ", ".join(f"{self._share(each.num_saved):.2%} saved by {each.num_slots}" for each in self.slots)
        return f"Keystrokes({saved}, {self.num_keys:,} keys, {self.num_words:,} words)"

    def savings(self, num_slots: int) -> float:
        """Return the fraction of the keys that `num_slots` suggestions save.

        Raises:
            KeyError: It was not measured.
        """
        return self._share({each.num_slots: each for each in self.slots}[num_slots].num_saved)

    def next_word_hit_rate(self, num_slots: int) -> float | None:
        """Return the fraction of words among the first 1 or 3 suggestions before their first letter.

        Raises:
            KeyError: It was not measured.
        """
        hits = dict(zip(HITS, self.next_word_hits, strict=True))[num_slots]
        return hits / self.num_words if self.num_words else None

    @property
    def completion_hit_rate(self) -> float | None:
        """Mean `completion_rate` of the words of at least two letters."""
        return self.completion_hits / self.num_begun_words if self.num_begun_words else None

    def to_table(self) -> dict[str, Any]:
        """Return all figures for JSON; undefined values are `None`."""
        return {
            "num_keys": self.num_keys,
            "num_words": self.num_words,
            "num_out_of_vocabulary": self.num_out_of_vocabulary,
            "num_keys_out_of_vocabulary": self.num_keys_out_of_vocabulary,
            "slots": [
                {
                    "num_slots": each.num_slots,
                    "num_keys": each.num_keys,
                    "savings": self._share(each.num_saved),
                    "savings_by_next_word": self._share(each.num_saved_by_next_word),
                    "savings_by_completion": self._share(each.num_saved_by_completion),
                }
                for each in self.slots
            ],
            **{f"next_word_top_{number}": self.next_word_hit_rate(number) for number in HITS},
            f"completion_top_{COMPLETION_SLOTS}": self.completion_hit_rate,
        }

    def figures(self) -> dict[str, str]:
        """Return formatted figures by name."""
        figures = {}
        for each in self.slots:
            shown = f"{each.num_slots} slot{'s' if each.num_slots > 1 else ''}"
            figures[f"keystrokes saved, {shown}"] = _percent(self._share(each.num_saved))
            figures[f"  by next word, {shown}"] = _percent(self._share(each.num_saved_by_next_word))
            figures[f"  by completion, {shown}"] = _percent(self._share(each.num_saved_by_completion))
        for number in HITS:
            figures[f"next word, top {number}"] = _percent(self.next_word_hit_rate(number))
        figures[f"completion, top {COMPLETION_SLOTS}"] = _percent(self.completion_hit_rate)
        figures["keys without suggestions"] = f"{self.num_keys:,}"
        figures["words"] = f"{self.num_words:,}"
        figures["words not in vocabulary"] = f"{self.num_out_of_vocabulary:,}"
        return figures

    def _share(self, num_saved: int) -> float:
        return num_saved / self.num_keys if self.num_keys else 0.0


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.2%}"


@dataclass
class _Typist:
    """Types a text with `num_slots` suggestions; `has_space` after a piece that was taken, which brings a space."""

    num_slots: int
    num_keys: int = 0
    saved_by_next_word: int = 0
    saved_by_completion: int = 0
    has_space: bool = False

    def type(self, piece: TypedPiece, ranks: PieceRanks) -> None:
        can_see = self.has_space or not piece.follows_word
        if piece.space_before and not self.has_space:
            self.num_keys += 1
        self.has_space = False
        whole = len(piece.text) + piece.space_after
        if can_see and ranks.fits and self._is_shown(ranks.next_word):
            self.saved_by_next_word += whole - 1
            self._take(0)
            return
        for num_typed, rank in enumerate(ranks.completions, 1):
            if self._is_shown(rank):
                self.saved_by_completion += whole - num_typed - 1
                self._take(num_typed)
                return
        self.num_keys += len(piece.text)

    def end_line(self) -> None:
        self.num_keys += 1
        self.has_space = False

    def savings(self) -> SlotSavings:
        return SlotSavings(self.num_slots, self.num_keys, self.saved_by_next_word, self.saved_by_completion)

    def _is_shown(self, rank: int) -> bool:
        return 0 < rank <= self.num_slots

    def _take(self, num_typed: int) -> None:
        self.num_keys += num_typed + 1
        self.has_space = True


@dataclass
class KeystrokeTally:
    """Counts the keys of a text, piece by piece."""

    num_keys: int = 0
    num_words: int = 0
    num_out_of_vocabulary: int = 0
    num_keys_out_of_vocabulary: int = 0
    num_begun_words: int = 0
    completion_hits: float = 0.0
    _next_word_hits: list[int] = field(default_factory=lambda: [0] * len(HITS))
    _typists: list[_Typist] = field(default_factory=lambda: [_Typist(number) for number in SLOTS])

    def add(self, piece: TypedPiece, ranks: PieceRanks, *, is_known: bool) -> None:
        """Count the next piece of the text."""
        if piece.is_end:
            self.num_keys += 1
            for typist in self._typists:
                typist.end_line()
            return
        self.num_keys += piece.space_before + len(piece.text)
        for typist in self._typists:
            typist.type(piece, ranks)
        if piece.is_word:
            self._count_word(piece, ranks, is_known=is_known)

    def result(self) -> Keystrokes:
        """Return the figures of the pieces so far."""
        return Keystrokes(
            num_keys=self.num_keys,
            num_words=self.num_words,
            num_out_of_vocabulary=self.num_out_of_vocabulary,
            num_keys_out_of_vocabulary=self.num_keys_out_of_vocabulary,
            slots=tuple(typist.savings() for typist in self._typists),
            next_word_hits=tuple(self._next_word_hits),
            num_begun_words=self.num_begun_words,
            completion_hits=self.completion_hits,
        )

    def _count_word(self, piece: TypedPiece, ranks: PieceRanks, *, is_known: bool) -> None:
        self.num_words += 1
        if not is_known:
            self.num_out_of_vocabulary += 1
            self.num_keys_out_of_vocabulary += len(piece.text)
        for index, number in enumerate(HITS):
            self._next_word_hits[index] += 0 < ranks.next_word <= number
        if len(piece.text) > 1:
            self.num_begun_words += 1
            self.completion_hits += completion_rate(ranks.completions)


def completion_rate(ranks: Sequence[int]) -> float:
    r"""Return the probability that a word is among the first three completions of a random prefix of it.

    A prefix of $m$ letters is drawn with a probability proportional to $m$, as kebbie draws it:
    $\sum_m m \, [0 < r_m \le 3] / \sum_m m$.

    Args:
        ranks: Rank $r_m$ after each letter but the last; at least one.

    Source:
        FleksySDK/kebbie, `sample_partial_word`.
    """
    hits = sum(length for length, rank in enumerate(ranks, 1) if 0 < rank <= COMPLETION_SLOTS)
    return hits / (len(ranks) * (len(ranks) + 1) // 2)


@dataclass(frozen=True)
class KeystrokeEvaluation:
    """The keystrokes that a model saves on a text.

    Attributes:
        plain: Without learned words.
        learned: If each word outside the vocabulary is learned as soon as it was typed.

    Example:
        >>> import nextword
        >>> found = nextword.load("austen").keystrokes("She was very much obliged to Mr. Ifeoma and to Mr. Ifeoma.")
        >>> found.learned.savings(3) > found.plain.savings(3)
        True
    """

    plain: Keystrokes
    learned: Keystrokes

    def _repr_html_(self) -> str:
        learned = self.learned.figures()
        rows = [(name.strip(), figure, learned[name]) for name, figure in self.plain.figures().items()]
        return html_table(("", "without learned words", "with learned words"), rows)


def evaluate_keystrokes(
    model: TextModel,
    lines: Sequence[str],
    *,
    user_words: UserWords | None = None,
    options: SessionOptions | None = None,
    max_tokens: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> KeystrokeEvaluation:
    """Measure how many keys suggestions save someone who types a text.

    `nextword.inference.evaluation.keystrokes` has the rules. The lines are one text.

    `user_words` count for `learned` only. By default, suggestions begin sentences with a capital if the text has any.
    """
    if max_tokens is not None:
        require_at_least("max_tokens", max_tokens, 1)
    options = options or SessionOptions(
        restore_case=not is_lower_cased(word for line in lines for word in line.split())
    )
    ranker = PieceRanker(model, max(SLOTS), user_words=user_words, options=options)
    pieces = list(islice(typed_pieces(model.tokenizer, lines), max_tokens))
    plain, learned = KeystrokeTally(), KeystrokeTally()
    for done, ranked in enumerate(ranker.ranked(pieces), 1):
        plain.add(ranked.piece, ranked.plain, is_known=ranked.is_known)
        learned.add(ranked.piece, ranked.learned, is_known=ranked.is_known)
        if on_progress is not None:
            on_progress(done, len(pieces))
    if not plain.num_words:
        raise EvaluationError("keystrokes need a text with at least one word, but it has none; give more text")
    return KeystrokeEvaluation(plain.result(), learned.result())
