r"""The continuous cache: tokens that recently followed a similar context become more probable.

$$p_\text{cache}(w) = \frac{1}{Z} \sum_i [x_{i+1} = w] \, e^{\theta \, h_t^\top h_i - \delta \, a_i}, \qquad
Z = \sum_i e^{\theta \, h_t^\top h_i - \delta \, a_i}, \qquad
p(w) = (1 - m) \, p_\text{engine}(w) + m \, p_\text{cache}(w), \qquad m = \lambda \frac{Z}{Z + s}.$$

$h_t$ is the hidden state after the input at $t$, $h_i$ is one of the latest hidden states before it, $x_{i+1}$ is the
token after $h_i$, and $a_i$ the number of later ones, so that with a decay $\delta$ what was said long ago fades. With
the sentinel $s$, a cache without similar contexts has little weight, such as that at the start of a text. Without it,
$s = 0$, the weight is $\lambda$ from the second token on.

A delay leaves the latest entries out. The network knows the latest tokens anyway, and a cache that repeats them makes
loops in sampled text.

Source:
    Grave, Joulin and Usunier (2017), "Improving neural language models with a continuous cache", equations 3 and 5; for
    the sentinel, Merity et al. (2017), "Pointer sentinel mixture models".
"""

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.mixture import Gate, MixtureSettings
from nextword.engine.engine import Rows
from nextword.engine.mixture.gates import gated, shifts_of
from nextword.errors import SettingError
from nextword.text.batching.window import TokenIds

Floats = NDArray[np.float32]

_FIRST_CAPACITY = 16

_LOWEST, _TINY = np.finfo(np.float32).min, np.finfo(np.float32).tiny


class _Entries:
    """Hidden states and the tokens after them. Entries are only added, so branches of a text share them."""

    def __init__(self, capacity: int, width: int) -> None:
        self.hidden = np.empty((capacity, width), np.float32)
        self.followers = np.empty(capacity, np.int32)
        self._used = 0
        self._lock = Lock()

    def add(self, count: int, hidden: Floats, followers: TokenIds) -> bool:
        """Add entries after the first `count`, unless another branch did, or there is no room. Say if it was done."""
        stop = count + len(followers)
        with self._lock:
            if self._used != count or stop > len(self.followers):
                return False
            self._used = stop
        self.hidden[count:stop] = hidden
        self.followers[count:stop] = followers
        return True


class Memory(NamedTuple):
    """The recent context of a text; nothing that a memory shows is ever changed."""

    entries: _Entries | None = None  # shared with other branches of the text; `None` without any
    num_entries: int = 0  # how many of them belong to this branch, the latest last
    latest: Floats | None = None  # the hidden state after the latest input `(H,)`, whose follower is not read yet

    def after(self, inputs: TokenIds, hidden: Floats, size: int) -> Self:
        """Return the memory of `size` tokens after more inputs `(T,)`, with the hidden states after each `(T, H)`."""
        latest = np.array(hidden[-1])  # a copy: the window can go
        if self.latest is None:
            known, followers = hidden[:-1], inputs[1:]
        else:
            known, followers = np.concatenate((self.latest[None], hidden[:-1])), inputs
        if not len(followers):
            return self._replace(latest=latest)
        if self.entries is not None and self.entries.add(self.num_entries, known, followers):
            return type(self)(self.entries, self.num_entries + len(followers), latest)
        kept, former = min(self.num_entries, size), self.entries
        grown = _Entries(max(_FIRST_CAPACITY, min(2 * kept, kept + size) + len(followers)), hidden.shape[1])
        if former is not None:
            last = slice(self.num_entries - kept, self.num_entries)
            grown.add(0, former.hidden[last], former.followers[last])
        grown.add(kept, known, followers)
        return type(self)(grown, kept + len(followers), latest)


class Matches(NamedTuple):
    r"""The remembered tokens for each query of a window.

    A query may see the `size` entries up to its newest, without the latest `delay`.
    """

    similarity: Floats  # $h_t^\top h_i$ of each query with each entry `(T, N)`, float32
    followers: TokenIds  # the token after each entry `(N,)`
    newest: int  # place of the newest entry at the last query, which a delay may leave out; one less at each before it
    size: int
    delay: int

    @classmethod
    def of(cls, memory: Memory, hidden: Floats, size: int, delay: int = 0) -> Self:
        """Look up hidden states `(T, H)` in the memory after their inputs."""
        num_queries, entries = len(hidden), memory.entries
        # The last query has read the followers of all entries, and each query before it one less.
        if entries is None:
            return cls(np.zeros((num_queries, 0), np.float32), np.zeros(0, np.int32), -1, size, delay)
        first = max(0, memory.num_entries - (size + num_queries - 1))
        stop = max(first, memory.num_entries - delay)
        similarity = hidden @ entries.hidden[first:stop].T
        return cls(similarity, entries.followers[first:stop], memory.num_entries - 1 - first, size, delay)

    def places_of(self, targets: TokenIds) -> NDArray[np.intp]:
        """Return where targets `(T,)` follow an entry, as places in the flat table of queries and entries."""
        return np.flatnonzero(self.followers == targets[:, None])

    def weights(self, theta: float, decay: float) -> tuple[Floats, Floats]:
        r"""Return $p_\text{cache}$ of each entry `(T, N)`, and $\ln Z$ `(T,)`: zeros and -inf if it sees none."""
        scaled: Floats = np.float32(theta) * self.similarity
        ages = np.arange(self.newest, self.newest - len(self.followers), -1, dtype=np.float32)  # at the last query
        scaled -= np.float32(decay) * ages
        if len(scaled) > 1:  # a single query was given only what it sees
            self._hide_unseen(scaled)
        highest: Floats = scaled.max(axis=1, initial=-np.inf)
        scaled -= np.maximum(highest, _LOWEST)[:, None]
        weights: Floats = np.exp(scaled, out=scaled)
        totals: Floats = np.maximum(weights.sum(axis=1), _TINY)  # at least 1 of a query that sees an entry
        weights /= totals[:, None]
        later = np.arange(len(highest), dtype=np.float32)[::-1]  # queries after each
        return weights, highest + np.log(totals) + np.float32(decay) * later

    def _hide_unseen(self, scaled: Floats) -> None:
        """Set what a query may not see to minus infinity: of most queries, only some of the first and last entries."""
        newest = self.newest - np.arange(len(scaled))[::-1, None]
        places = np.arange(len(self.followers))
        early = slice(0, max(0, self.newest - self.size + 1))
        late = slice(max(0, int(newest[0, 0]) - self.delay + 1), None)
        scaled[:, early][places[early] <= newest - self.size] = -np.inf
        scaled[:, late][places[late] > newest - self.delay] = -np.inf


def sums_at(places: NDArray[np.intp], weights: Floats) -> NDArray[np.float64]:
    """Return the sum of the weights `(T, N)` at some places for each query `(T,)`."""
    num_queries, num_entries = weights.shape
    return np.bincount(places // max(1, num_entries), weights.ravel()[places], minlength=num_queries)


def cache_mass(log_totals: NDArray[np.floating], weight: float, sentinel: float) -> NDArray[np.float64]:
    r"""Return the weight $m$ of the cache for each $\ln Z$; 0 if it is empty."""
    odds = np.exp(np.minimum(np.log(sentinel) - log_totals.astype(np.float64), 700.0)) if sentinel else 0.0
    return np.where(np.isneginf(log_totals), 0.0, weight / (1 + odds))


class CachePart:
    """The cache as a part of a mixture. A state is a tuple with the memory of each text."""

    def __init__(self, settings: MixtureSettings, gate: Gate = ()) -> None:
        self.settings = settings
        self._gate = np.array(gate, np.float32)
        self.numbers_per_token = 4 * settings.cache_size

    def start(self, batch_size: int) -> tuple[Memory, ...]:
        """Return the state before a text."""
        return (Memory(),) * batch_size

    def select(self, state: tuple[Memory, ...], rows: Rows) -> tuple[Memory, ...]:
        """Return the state of some of the texts."""
        return tuple(state[row] for row in rows)

    def join(self, states: Sequence[tuple[Memory, ...]]) -> tuple[Memory, ...]:
        """Return the state with the texts of all states."""
        return tuple(memory for state in states for memory in state)

    def mix(
        self,
        probabilities: Floats,
        inputs: TokenIds,
        hidden: Floats | None,
        state: tuple[Memory, ...],
        targets: TokenIds | None,
    ) -> tuple[Memory, ...]:
        """Mix the cache into the probabilities after `inputs`, in place, and return the state; see `Part.mix`."""
        if hidden is None:
            raise SettingError("a cache needs an engine with hidden states, but this one has none; leave it out")
        settings = self.settings
        after = tuple(
            memory.after(read, own, settings.cache_size)
            for memory, read, own in zip(state, inputs, hidden, strict=True)
        )
        wanted = [None] * len(inputs) if targets is None else targets
        log_totals, own, followers = zip(*map(self._look_up, after, hidden, wanted), strict=True)
        alone = cache_mass(np.stack(log_totals), settings.cache_weight, settings.cache_sentinel)
        mass = gated(alone, shifts_of(self._gate, hidden)).astype(np.float32)  # (B, T)
        if targets is not None:
            probabilities *= 1 - mass
            probabilities += mass * np.stack(own)
            return after
        probabilities *= (1 - mass)[..., None]
        starts = probabilities.shape[2] * np.arange(inputs.shape[1])[:, None]
        for row, own_mass, weights, tokens in zip(probabilities, mass, own, followers, strict=True):
            in_mixture = np.multiply(weights, own_mass[:, None], out=weights)  # the weight of each entry (T, N)
            np.add.at(row.reshape(-1), (starts + tokens).ravel(), in_mixture.ravel())
        return after

    def _look_up(self, memory: Memory, hidden: Floats, targets: TokenIds | None) -> tuple[Floats, Floats, TokenIds]:
        r"""Look up hidden states `(T, H)`.

        Returns:
            $\ln Z$ `(T,)`; $p_\text{cache}$ of each target `(T,)`, or without targets of each entry `(T, N)`; and the
            token after each entry `(N,)`.
        """
        matches = Matches.of(memory, hidden, self.settings.cache_size, self.settings.cache_delay)
        weights, log_totals = matches.weights(self.settings.cache_theta, self.settings.cache_decay)
        if targets is not None:
            weights = sums_at(matches.places_of(targets), weights).astype(np.float32)
        return log_totals, weights, matches.followers
