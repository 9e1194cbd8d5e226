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

from dataclasses import dataclass
from typing import Any

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
