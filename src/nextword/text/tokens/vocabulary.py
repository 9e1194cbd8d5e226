"""Tokens and their ids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, repeat
from typing import Self

import numpy as np

from nextword.errors import TextError
from nextword.text.reading.lines import lone_surrogate

UNKNOWN = "<unk>"
"""The token for everything outside the vocabulary."""

END = "<eos>"
"""The token for the end of a line or paragraph."""

MAXIMUM_SIZE = 2**22


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """An immutable list of distinct tokens. The id of a token is its place in the list.

    Raises:
        TextError: A token is empty, repeated, not valid Unicode or holds a line end or a NUL; `<unk>` or `<eos>` is
            missing; or there are more than 2**22 tokens.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.tokens) > MAXIMUM_SIZE:
            raise TextError(
                f"a vocabulary must have at most {MAXIMUM_SIZE:,} tokens, but has {len(self.tokens):,}; set "
                "`maximum_vocabulary` or `minimum_count`"
            )
        if not (all(self.tokens) and _is_token("".join(self.tokens))):  # one check of all is many times faster
            refused = next(token for token in self.tokens if not _is_token(token))
            raise TextError(f"a token must be one or more characters without line end or NUL, but is {refused!r}")
        if len(self._ids) < len(self.tokens):
            raise TextError("the tokens of a vocabulary must be distinct, but some are repeated")
        for special in (UNKNOWN, END):
            if special not in self._ids:
                raise TextError(f"a vocabulary must hold `{special}`, but lacks it")

    @classmethod
    def from_counts(cls, counts: Mapping[str, int], *, minimum_count: int = 1, maximum_size: int | None = None) -> Self:
        """Build a vocabulary sorted by (-count, token), including `<unk>` and `<eos>`.

        The two special tokens are always kept. The counts of dropped tokens are added to that of `<unk>`.
        """
        specials = {UNKNOWN: counts.get(UNKNOWN, 0), END: counts.get(END, 0)}
        ordinary = {token: count for token, count in counts.items() if token not in specials}
        most = None if maximum_size is None else max(0, maximum_size - len(specials))
        kept = [token for token in _by_count(ordinary, most) if ordinary[token] >= minimum_count]
        final = specials | {token: ordinary[token] for token in kept}
        final[UNKNOWN] += sum(ordinary.values()) - sum(ordinary[token] for token in kept)
        return cls(tuple(_by_count(final)))

    @classmethod
    def from_parts(
        cls, parts: Iterable[Mapping[str, int]], *, minimum_count: int = 1, maximum_size: int | None = None
    ) -> Self:
        """Build the vocabulary of `from_counts` from parts without a common token; memory holds two vocabularies."""
        kept = {UNKNOWN: 0, END: 0}
        for part in parts:
            found = {token: count for token, count in part.items() if count >= minimum_count or token in (UNKNOWN, END)}
            # What is dropped now counts as unknown now.
            kept[UNKNOWN] += sum(part.values()) - sum(found.values())
            for special in (UNKNOWN, END):
                kept[special] += found.pop(special, 0)
            kept |= found
            if maximum_size is not None and len(kept) > 2 * maximum_size:
                kept = _most_frequent(kept, maximum_size)
        return cls.from_counts(kept, minimum_count=minimum_count, maximum_size=maximum_size)

    @classmethod
    def merged(
        cls,
        base: "Vocabulary",
        parts: Iterable[Mapping[str, int]],
        *,
        minimum_count: int = 1,
        maximum_size: int | None = None,
    ) -> Self:
        """Build a vocabulary of the tokens of a base and of a text, sorted by (-count, id in the base, token).

        All tokens of the base are kept, however rare. Those that the text lacks are last, in the order of the base, so
        `maximum_size` drops the rarest of them first.
        """
        counts, ranks = dict.fromkeys(base.tokens, 0), {token: rank for rank, token in enumerate(base.tokens)}
        for part in parts:
            found = {token: count for token, count in part.items() if count >= minimum_count or token in base}
            counts[UNKNOWN] += sum(part.values()) - sum(found.values()) + found.pop(UNKNOWN, 0)
            counts |= found

        def ordered() -> list[str]:
            return sorted(counts, key=lambda token: (-counts[token], ranks.get(token, MAXIMUM_SIZE), token))

        kept = len(counts) if maximum_size is None else max(0, maximum_size - 2)
        for token in [token for token in ordered() if token not in (UNKNOWN, END)][kept:]:
            counts[UNKNOWN] += counts.pop(token)
        return cls(tuple(ordered()))

    @property
    def unknown_id(self) -> int:
        """The id of `<unk>`."""
        return self._ids[UNKNOWN]

    @property
    def end_id(self) -> int:
        """The id of `<eos>`."""
        return self._ids[END]

    def id_of(self, token: str) -> int:
        """Return the id of a token; for a token outside the vocabulary, the id of `<unk>`."""
        return self._ids.get(token, self._ids[UNKNOWN])

    def ids_of(self, tokens: Iterable[str]) -> list[int]:
        """Return the ids of tokens, as `id_of` returns each."""
        unknown = self.unknown_id
        return list(map(self._ids.get, tokens, repeat(unknown)))

    def token_of(self, token_id: int) -> str:
        """Return the token with this id."""
        if not 0 <= token_id < len(self.tokens):
            raise TextError(f"a token id must be between 0 and {len(self.tokens) - 1}, but is {token_id}")
        return self.tokens[token_id]

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self.tokens):,} tokens>"

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: token_id for token_id, token in enumerate(self.tokens)}


def _most_frequent(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """Return the most frequent tokens and the special ones; the others are counted as unknown."""
    specials = {UNKNOWN: counts[UNKNOWN], END: counts[END]}
    kept = specials | {token: counts[token] for token in _by_count(counts, size)}
    kept[UNKNOWN] += sum(counts.values()) - sum(kept.values())
    return kept


def _by_count(counts: Mapping[str, int], most: int | None = None) -> list[str]:
    """Return tokens by (-count, token), only the first `most` of them if that is given."""
    tokens: Iterable[str] = counts
    if most and most < len(counts):
        values = np.fromiter(counts.values(), np.int64, len(counts))
        least = np.partition(values, -most)[-most]
        tokens = compress(counts, values >= least)  # with all that are as frequent as the last
    by_name = sorted(tokens)
    return sorted(by_name, key=counts.__getitem__, reverse=True)[:most]  # twice as fast as one key of both


def _is_token(token: str) -> bool:
    return bool(token) and not any(c in token for c in "\n\r\0") and lone_surrogate(token) is None
