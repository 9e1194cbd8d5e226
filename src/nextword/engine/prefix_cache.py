"""States of an engine after the beginnings of texts, so that a longer text is not read again.

```
read   <eos> I am very much   keeps the state after  <eos> I am very
read   <eos> I am very glad   takes that state, and reads "glad"
```

A reader keeps the state before the last token, and reads that token again for its log-probabilities. So one state
serves the same text, a longer one, and one with another last word.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Hidden = Mapping[int, NDArray[np.float32]]
"""Hidden states `(H,)` by the number of tokens that were read before."""


class Prefix(NamedTuple):
    """The beginning of a text that was read before."""

    num_tokens: int
    state: Any  # state of the engine after these tokens, batch of one
    hidden: Hidden  # hidden states that the reader kept


class PrefixCache:
    """The states after the latest beginnings of texts, by their tokens; the least recently used is dropped.

    Args:
        max_entries: Most states; 0 keeps none.
        max_bytes: Most bytes of all states. An array that several states share counts once.
    """

    def __init__(self, *, max_entries: int = 1024, max_bytes: int = 2**27) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[bytes, Prefix] = OrderedDict()
        self._uses: Counter[int] = Counter()  # how many entries hold each array, by its `id`
        self._lock = Lock()
        self.num_bytes = 0  # of all states
        self.num_reused = 0  # tokens that were not read again since the start

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, ids: Sequence[int], hidden: Iterable[int] = ()) -> Prefix | None:
        """Return the longest known beginning of a text that is shorter than the text.

        Args:
            ids: The text, from the `<eos>` before it.
            hidden: The numbers of tokens for which the reader needs the hidden state.
        """
        needed = set(hidden)
        keys = list(_keys(ids[:-1])) if self._entries else []
        with self._lock:
            for num_tokens, key in zip(range(len(keys), 0, -1), reversed(keys), strict=True):
                prefix = self._entries.get(key)
                if prefix is not None and all(place in prefix.hidden for place in needed if place <= num_tokens):
                    self._entries.move_to_end(key)
                    self.num_reused += num_tokens
                    return prefix
        return None

    def keep(self, ids: Sequence[int], state: Any, hidden: Hidden | None = None) -> None:
        """Keep the state after the beginning of a text, from its `<eos>` on."""
        if not ids or not self._max_entries:
            return
        *_, key = _keys(ids)
        with self._lock:
            self._drop(key)
            self._entries[key] = prefix = Prefix(len(ids), state, hidden or {})
            for array in _arrays(prefix):
                self.num_bytes += 0 if self._uses[id(array)] else array.nbytes
                self._uses[id(array)] += 1
            while len(self._entries) > self._max_entries or (self.num_bytes > self._max_bytes and self._entries):
                self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        prefix = self._entries.pop(key, None)
        for array in () if prefix is None else _arrays(prefix):
            self._uses[id(array)] -= 1
            if not self._uses[id(array)]:
                del self._uses[id(array)]
                self.num_bytes -= array.nbytes


def _keys(ids: Sequence[int]) -> Iterator[bytes]:
    """Yield the key of each beginning of a text; nobody can make two texts with the same key."""
    digest = hashlib.blake2b(digest_size=16)
    for token_id in ids:
        digest.update(int(token_id).to_bytes(4, "little"))
        yield digest.copy().digest()


def _arrays(value: Any) -> Iterator[Any]:
    """Yield the arrays of a state, whatever engine it is of."""
    if hasattr(value, "nbytes"):
        yield value
    elif isinstance(value, Mapping):
        yield from _arrays(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _arrays(part)
    elif hasattr(value, "__dict__"):
        yield from _arrays(tuple(vars(value).values()))
