"""The continuous cache: words that recently followed a similar context become more probable."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple, override

import numpy as np
from numpy.typing import NDArray

from nextword.engine.distribution_engine import OuterEngine, even_pieces, join_rows, select_rows
from nextword.engine.engine import Engine, Rows, State, WindowPrediction
from nextword.engine.methods.method import AppliedMethod, Method, Splits, mixture_log_prob
from nextword.engine.stream import predicted_windows
from nextword.errors import SettingError
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds

Floats = NDArray[np.float32]

_SIZES = (100, 200, 500, 1000, 2000, 4000)
_THETAS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)

_MAX_TUNING_TOKENS = 2**18
"""Most tokens that tuning reads. Each takes 4 bytes for each pair of size and theta: 240 bytes."""


@dataclass(frozen=True, kw_only=True)
class CacheOptions(Settings):
    """The settings of the cache.

    Example:
        >>> import nextword
        >>> model, text = nextword.load("austen"), "She was very much obliged. " * 20
        >>> evaluation = model.evaluate(text, methods=nextword.CacheOptions(cache_size=200))
        >>> evaluation.method
        'cache'
    """

    group: ClassVar[str] = "cache"

    cache_size: int = setting(500, help="cache: tokens to remember.", at_least=1, at_most=2**16, task="method")
    cache_theta: float = setting(
        0.3,
        help="cache: how much similarity counts. At 0 all remembered tokens weigh the same.",
        at_least=0.0,
        at_most=1000.0,
        task="method",
    )
    cache_weight: float = setting(0.1, help="cache: weight in the mixture.", at_least=0.0, below=1.0, task="method")


class Memory(NamedTuple):
    """The recent context of `B` texts, the latest last; no array is changed in place.

    Attributes:
        hidden: Hidden states after the last `size` inputs `(B, size, H)`; zeros before the text begins. `H` is 0 if
            nothing is read yet.
        followers: The tokens after all of them but the last `(B, size - 1)`; the last one's is the next input.
        num_read: Number of inputs that each text has read `(B,)`.
    """

    hidden: Floats
    followers: TokenIds
    num_read: NDArray[np.int64]


class Matches(NamedTuple):
    r"""The entries of the memory for each query of a window, the latest last.

    Attributes:
        similarity: $h_t^\top h_i$ with each of the `size` latest hidden states `(B, T, size)`, float32.
        followers: The token after each `(B, T, size)`.
        known: Whether the entry exists: False before the beginning of the text `(B, T, size)`.
    """

    similarity: Floats
    followers: TokenIds
    known: NDArray[np.bool_]

    def weights(self, theta: float) -> Floats:
        r"""Return the softmax of $\theta$ times the similarity `(B, T, size)`; zeros if the memory is empty."""
        scaled: Floats = np.where(self.known, np.float32(theta) * self.similarity, np.float32(-np.inf))
        highest: Floats = scaled.max(axis=-1, keepdims=True)
        weights: Floats = np.exp(scaled - np.where(self.known[..., -1:], highest, np.float32(0)))
        totals: Floats = weights.sum(axis=-1, keepdims=True)
        weights /= np.maximum(totals, np.finfo(np.float32).tiny)
        return weights


def empty_memory(batch_size: int, size: int) -> Memory:
    """Return the memory at the beginning of a text."""
    return Memory(
        np.zeros((batch_size, size, 0), np.float32),
        np.zeros((batch_size, size - 1), np.int32),
        np.zeros(batch_size, np.int64),
    )


def look_up(memory: Memory, inputs: TokenIds, hidden: Floats) -> tuple[Matches, Memory]:
    """Look up the hidden states `(B, T, H)` after `inputs` `(B, T)`, and return the matches and the updated memory.

    The query at `t` sees only hidden states before `t`, whose followers are already read. It never sees its own target.
    """
    (batch_size, num_steps), size = inputs.shape, memory.hidden.shape[1]
    remembered = _widened(memory.hidden, hidden.shape[-1])
    keys = np.concatenate((remembered, hidden), axis=1)  # (B, size + T, H)
    followers = np.concatenate((memory.followers, inputs), axis=1, dtype=np.int32)  # (B, size - 1 + T)
    products = hidden @ keys[:, :-1].swapaxes(1, 2)  # (B, T, size - 1 + T)
    # Row t needs columns t to t + size - 1. A row stride longer by one element shifts each row by one more column.
    rows, columns, each = products.strides
    similarity = np.lib.stride_tricks.as_strided(
        products, (batch_size, num_steps, size), (rows, columns + each, each), writeable=False
    )
    known = np.arange(size) >= size - memory.num_read[:, None, None] - np.arange(num_steps)[:, None]
    matches = Matches(similarity, np.lib.stride_tricks.sliding_window_view(followers, size, axis=1), known)
    return matches, Memory(keys[:, -size:], followers[:, followers.shape[1] - size + 1 :], memory.num_read + num_steps)


def _widened(hidden: Floats, width: int) -> Floats:
    """Return hidden states `(B, size, width)`: zeros if none has been read yet."""
    return hidden if hidden.shape[-1] == width else np.zeros((*hidden.shape[:-1], width), np.float32)


class CacheEngine(OuterEngine):
    r"""The continuous neural cache around an engine, with the linear interpolation of the paper.

    $$p(w) = (1 - \lambda) \, p_\text{engine}(w) + \lambda \, p_\text{cache}(w), \qquad
    p_\text{cache}(w) \propto \sum_i [x_{i+1} = w] \, \exp(\theta \, h_t^\top h_i).$$

    $h_t$ is the hidden state after the input at $t$, $h_i$ is one of the `cache_size` hidden states before it, and
    $x_{i+1}$ is the token after $h_i$. For the first token of a text the cache is empty, and the engine predicts alone.

    Args:
        engine: Any engine with hidden states.
        options: Size, $\theta$ and $\lambda$.

    Raises:
        SettingError: (at the first prediction) The engine has no hidden states.

    Example:
        >>> import nextword
        >>> CacheEngine(nextword.load("austen").engine, CacheOptions(cache_size=50)).vocabulary_size
        9878

    Source:
        Grave, Joulin and Usunier (2017), "Improving Neural Language Models with a Continuous Cache", equations 3 and 5.
    """

    def __init__(self, engine: Engine, options: CacheOptions) -> None:
        super().__init__(engine)
        self._options = options

    def start(self, batch_size: int) -> State:
        """Return the state of the inner engine and an empty memory."""
        return self._engine.start(batch_size), empty_memory(batch_size, self._options.cache_size)

    @override
    def select(self, state: Any, rows: Rows) -> State:
        inner, memory = state
        return self._engine.select(inner, rows), select_rows(memory, rows)

    @override
    def join(self, states: Sequence[Any]) -> State:
        inner, memories = zip(*states, strict=True)
        width = max(memory.hidden.shape[-1] for memory in memories)
        joined = join_rows([memory._replace(hidden=_widened(memory.hidden, width)) for memory in memories])
        return self._engine.join(inner), joined

    @override
    def predict_window(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, State]:
        prediction, inner = self._engine.predict_window(inputs, state[0])
        matches, memory = look_up(state[1], inputs, hidden_of(prediction))
        log_probs = prediction.log_probs.copy()
        _interpolate_in_place(matches, log_probs, self._options)
        return prediction._replace(log_probs=log_probs), (inner, memory)

    def pieces(self, batch_size: int, num_steps: int) -> list[slice]:
        """Cut a window into pieces that fit in memory together with their matches."""
        return even_pieces(num_steps, batch_size * (self.vocabulary_size + 4 * self._options.cache_size))


def hidden_of(prediction: WindowPrediction) -> Floats:
    """Return the hidden states of a prediction.

    Raises:
        SettingError: It has none.
    """
    if prediction.hidden is None:
        raise SettingError("a cache needs an engine with hidden states, but this one has none; leave `cache` out")
    return prediction.hidden


def _interpolate_in_place(matches: Matches, log_probs: Floats, options: CacheOptions) -> None:
    """Interpolate `log_probs` `(B, T, V)` with the cache, in place."""
    if not options.cache_weight:
        return
    batch_size, num_steps, vocabulary_size = log_probs.shape
    log_probs[matches.known[..., -1]] += np.float32(np.log1p(-options.cache_weight))
    rows = np.arange(batch_size * num_steps).reshape(batch_size, num_steps, 1)
    cells = (rows * vocabulary_size + matches.followers).ravel()  # (B * T * size,)
    mass = np.bincount(cells, matches.weights(options.cache_theta).ravel(), minlength=log_probs.size)
    touched = np.flatnonzero(mass)
    flat = log_probs.reshape(-1)
    flat[touched] = np.logaddexp(flat[touched], np.log(options.cache_weight * mass[touched]))


class Cache(Method[CacheOptions]):
    """The continuous cache; size and theta are tuned on a grid, and for each pair the weight is optimized."""

    name = "cache"
    options_type: ClassVar[type[Settings]] = CacheOptions
    learns = True
    tunable = ("cache_size", "cache_theta", "cache_weight")

    def apply(
        self, engine: Engine, options: CacheOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[CacheOptions]:
        """Wrap `engine` in a `CacheEngine`."""
        if to_tune:
            options = _tuned(engine, options, splits.valid()[:_MAX_TUNING_TOKENS], to_tune)
        return AppliedMethod(CacheEngine(engine, options), options)


def _tuned(engine: Engine, options: CacheOptions, ids: TokenIds, to_tune: Collection[str]) -> CacheOptions:
    sizes = _SIZES if "cache_size" in to_tune else (options.cache_size,)
    thetas = _THETAS if "cache_theta" in to_tune else (options.cache_theta,)
    own, remembered = token_probabilities(engine, ids, sizes, thetas)
    given = None if "cache_weight" in to_tune else options.cache_weight
    candidates = [
        (*mixture_log_prob(own, probabilities, given, at_most=0.9999), size, theta)
        for size, of_size in zip(sizes, remembered, strict=True)
        for theta, probabilities in zip(thetas, of_size, strict=True)
    ]
    _, weight, size, theta = max(candidates, key=itemgetter(0))
    return options.replace(cache_size=size, cache_theta=theta, cache_weight=weight)


def token_probabilities(
    engine: Engine, ids: TokenIds, sizes: Sequence[int], thetas: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the probability of each token under the engine, and under caches of each size and theta.

    For the first token the caches are empty, and the engine's probability is used.

    Args:
        engine: An engine with hidden states.
        ids: The tokens of the text `(N,)`.
        sizes: `S` cache sizes, ascending.
        thetas: `K` values of theta.

    Returns:
        The probabilities under the engine `(N,)`, float64, and under the caches `(S, K, N)`, float32.
    """
    memory = empty_memory(1, sizes[-1])
    own, remembered = [], []
    for window in predicted_windows(engine, ids, numbers_per_step=4 * sizes[-1]):
        matches, memory = look_up(memory, window.inputs, hidden_of(window.prediction))
        own.append(np.take_along_axis(window.prediction.log_probs[0], window.targets[0, :, None], axis=1)[:, 0])
        hits = (matches.followers[0] == window.targets[0, :, None]).astype(np.float32)
        remembered.append(np.stack([_cache_probabilities(matches, hits, theta, sizes) for theta in thetas], axis=1))
    engine_probabilities = np.exp(np.concatenate(own).astype(np.float64))
    of_caches = np.concatenate(remembered, axis=-1)
    of_caches[..., 0] = engine_probabilities[0]
    return engine_probabilities, of_caches


def _cache_probabilities(
    matches: Matches, hits: NDArray[np.float32], theta: float, sizes: Sequence[int]
) -> NDArray[np.float32]:
    """Return the cache probability of each target of a window for each size `(S, T)`."""
    weights = matches.weights(theta)[0]
    starts = sizes[-1] - np.array(sizes[::-1])  # first entry of each size, the largest first
    within = [np.add.reduceat(array, starts, axis=1)[:, ::-1].cumsum(axis=1).T for array in (weights * hits, weights)]
    hit, total = within
    return np.divide(hit, total, out=np.zeros_like(hit), where=total > 0)
