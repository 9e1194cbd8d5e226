"""User words: words that are not in the vocabulary, and words that are never suggested."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from nextword.errors import SettingError, StorageError
from nextword.inference.suggestion.lexicon import folded
from nextword.settings import require_at_least
from nextword.system import strict_json
from nextword.system.files import write_file
from nextword.text.tokens.vocabulary import END, UNKNOWN

_FORMAT = "nextword user words 1"
_MAX_BYTES = 2**22
_MAX_LENGTH = 64
_MAX_COUNT = 10**9


class UserWords:
    """User words with their counts, in the order of their last use.

    A forgotten word is not suggested, in any case of its letters, even if it is in the vocabulary. Typing it does not
    change that; `learn` and `allow` do. All words are kept, unless a `maximum` is given: then the least recently used
    word makes room for a new one.

    Args:
        maximum: Most words, for a service whose memory is bounded.

    Raises:
        SettingError: `maximum` is below 1.

    Example:
        >>> words = UserWords()
        >>> for word in ("Tolu", "Ifeoma", "Tolu"):
        ...     words.learn(word)
        >>> list(words), words.count_of("Tolu")
        (['Ifeoma', 'Tolu'], 2)
        >>> words.forget("Tolu")
        >>> "Tolu" in words, words.is_forgotten("Tolu")
        (False, True)
    """

    def __init__(self, *, maximum: int | None = None) -> None:
        if maximum is not None:
            require_at_least("maximum", maximum, 1)
        self._maximum = maximum
        self._counts: dict[str, int] = {}
        self._forgotten: dict[str, str] = {}  # by their spelling without case

    def learn(self, word: str, count: int = 1) -> None:
        """Add `count` uses of a word.

        Raises:
            SettingError: The word is invalid, or `count` is out of range.
        """
        if not is_learnable(word):
            raise SettingError(
                f"a user word must be 1 to {_MAX_LENGTH} printable characters with a letter and without a space, "
                f"but is {word[: 2 * _MAX_LENGTH]!a}"
            )
        if not 1 <= count <= _MAX_COUNT:
            raise SettingError(f"`count` must be between 1 and {_MAX_COUNT:,}, but is {count}; pass the number of uses")
        self.allow(word)
        self._counts[word] = min(self._counts.pop(word, 0) + count, _MAX_COUNT)
        self._make_room(self._counts)

    def forget(self, *words: str) -> None:
        """Remove words and do not suggest them until `learn` or `allow`, whether or not they are in the vocabulary."""
        spellings = {folded(word) for word in words}
        self._counts = {word: count for word, count in self._counts.items() if folded(word) not in spellings}
        for word in filter(_is_showable, words):
            self.allow(word)
            self._forgotten[folded(word)] = word
        self._make_room(self._forgotten)

    def allow(self, word: str) -> None:
        """Suggest a forgotten word again, without a use of it."""
        self._forgotten.pop(folded(word), None)

    def is_forgotten(self, word: str) -> bool:
        """Return whether `forget` removed a word, ignoring case."""
        return bool(self._forgotten) and folded(word) in self._forgotten

    @property
    def forgotten(self) -> list[str]:
        """The forgotten words, the latest last."""
        return list(self._forgotten.values())

    def merge(self, other: "UserWords") -> None:
        """Add the words of another person or machine: the larger count of each, and what was forgotten there.

        What was learned or forgotten here stays so. Merging the same words twice changes nothing.
        """
        mine = self.copy()
        for word in other:
            if not mine.is_forgotten(word) and (more := other.count_of(word) - mine.count_of(word)) > 0:
                self.learn(word, more)
        known = {folded(word) for word in (*mine, *mine.forgotten)}
        self.forget(*(word for word in other.forgotten if folded(word) not in known))

    def count_of(self, word: str) -> int:
        """Return the number of uses of a word."""
        return self._counts.get(word, 0)

    def copy(self) -> "UserWords":
        """Return an independent copy."""
        words = UserWords(maximum=self._maximum)
        words._counts, words._forgotten = dict(self._counts), dict(self._forgotten)
        return words

    def save(self, path: Path) -> None:
        """Write the words to a JSON file; an existing file is replaced atomically.

        Raises:
            StorageError: The file cannot be written, or the words take more than 4 MiB.
        """
        words = [{"word": word, "count": count} for word, count in self._counts.items()]
        table = {"format": _FORMAT, "words": words, "forgotten": self.forgotten}
        data = (json.dumps(table, ensure_ascii=False, indent=1) + "\n").encode()
        if len(data) > _MAX_BYTES:
            raise StorageError(
                f"user words must take at most {_MAX_BYTES:,} bytes, but take {len(data):,}; forget some"
            )
        write_file(path, data)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check a file of `save`.

        Raises:
            StorageError: The file cannot be read, or does not have the format of `save`.
        """
        try:
            with path.open("rb") as file:
                parsed = strict_json.parse(file.read(_MAX_BYTES + 1), max_bytes=_MAX_BYTES)
            words = cls()
            words._fill(_table(parsed, {"format": str, "words": list, "forgotten": list}))
        except OSError as error:
            raise StorageError(f"`{path}` cannot be read ({error.strerror or error}); check the path") from error
        except (ValueError, SettingError) as error:
            raise StorageError(f"`{path}` must be a file of user words from nextword: it {error}") from error
        return words

    def _fill(self, table: dict[str, Any]) -> None:
        if table["format"] != _FORMAT:
            raise ValueError(f"must have the format {_FORMAT!r}, but has {table['format'][:40]!a}")
        for entry in table["words"]:
            _table(entry, {"word": str, "count": int})
            if entry["word"] in self._counts:
                raise ValueError(f"must not name {entry['word']!a} twice")
            _check_word(entry["word"], is_learnable)
            self.learn(entry["word"], entry["count"])
        named: set[str] = set()
        for word in table["forgotten"]:
            _check_word(word, _is_showable)
            if word in self._counts or word in named:
                raise ValueError(f"must not name {word!a} twice")
            named.add(word)
        self.forget(*table["forgotten"])

    def _make_room(self, words: dict[str, Any]) -> None:
        while self._maximum is not None and len(words) > self._maximum:
            del words[next(iter(words))]

    def __contains__(self, word: object) -> bool:
        return word in self._counts

    def __iter__(self) -> Iterator[str]:
        """Return the words, least recently used first."""
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)


def is_learnable(word: str) -> bool:
    r"""Return whether a word can be a user word: printable, not too long, with a letter and without spaces."""
    return _is_showable(word) and any(character.isalpha() for character in word)


def _is_showable(word: str) -> bool:
    """Return whether a word can be suggested, and so be forgotten: a number or a mark, too."""
    return (
        1 <= len(word) <= _MAX_LENGTH and word.isprintable() and " " not in word and word.lower() not in (UNKNOWN, END)
    )


def _check_word(word: object, is_valid: Callable[[str], bool]) -> None:
    if not isinstance(word, str) or not is_valid(word):
        raise ValueError(f"must contain printable words with a letter, but contains {str(word)[:80]!a}")


def _table(value: Any, fields: dict[str, type]) -> dict[str, Any]:
    """Return a parsed table if it has exactly these fields and types."""
    if not isinstance(value, dict) or set(value) != set(fields):
        raise ValueError(f"must contain tables of {', '.join(fields)}, but contains another value")
    for name, kind in fields.items():
        if type(value[name]) is not kind:
            raise ValueError(f"must contain a value of type {kind.__name__} for `{name}`, but does not")
    return value
