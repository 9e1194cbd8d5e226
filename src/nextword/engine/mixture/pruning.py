r"""Leaves out the n-grams of a model that matter least, and packs the others into a bundle.

Without an n-gram $u w$, its share goes to the shorter context. What that costs on the training text is about

$$c(u w) \, \ln \frac{p(w \mid u)}{(\gamma(u) + s(u w)) \, p(w \mid u')},$$

with $c$ how often the n-gram occurs there. N-grams of three and more tokens that occur once are always left out: they
are pieces of the text, and they help little.

Source:
    Seymore and Rosenfeld (1996), "Scalable backoff language models".
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.mixture import SHARE_STEP, NgramLevel, PackedNgrams, ngram_bytes, shares_of, token_type
from nextword.engine.mixture.interpolated_model import CountTable, InterpolatedModel, Level, contexts_of
from nextword.text.batching.window import TokenIds

_MIN_COUNT = 2  # how often an n-gram of three or more tokens must occur to be kept

Kept = NDArray[np.bool_]


def packed_within(model: InterpolatedModel, ids: TokenIds, max_bytes: int, *, end_id: int) -> PackedNgrams | None:
    """Return the n-grams that matter most, in at most `max_bytes`; `None` if not even single tokens fit.

    `ids` is the text that the model was fitted to `(N,)`.
    """
    costs = _costs(model, ids, end_id)
    values = np.sort(np.concatenate([cost[cost > 0] for cost in costs] or [np.zeros(0)]))
    low, high = 0, len(values)  # how many of the least valuable are left out
    while low < high:
        middle = (low + high) // 2
        fits = _num_bytes(model, _kept(model, costs, values[middle])) <= max_bytes
        low, high = (low, middle) if fits else (middle + 1, high)
    kept = _kept(model, costs, values[low] if low < len(values) else np.inf)
    return _packed(model, kept) if _num_bytes(model, kept) <= max_bytes else None


def unpacked(packed: PackedNgrams) -> InterpolatedModel:
    """Return the model that a bundle holds."""
    vocabulary_size = len(packed.singles)
    levels = []
    for sizes, tokens, steps in packed.levels:
        contexts, shares = np.repeat(np.arange(len(sizes)), sizes), shares_of(steps)
        table = CountTable(vocabulary_size, contexts * vocabulary_size + tokens, np.zeros(0, np.int64))
        left_over = 1 - np.bincount(contexts, shares, minlength=len(sizes))
        levels.append(Level.of(table, shares, np.maximum(left_over, 0.0)))
    return InterpolatedModel(packed.singles.astype(np.float64), levels)


def _costs(model: InterpolatedModel, ids: TokenIds, end_id: int) -> list[NDArray[np.float64]]:
    """Return what it costs to leave out each n-gram of each length from 2 on; 0 for those that are always left out."""
    costs = []
    numbers = model.numbers(contexts_of(ids, model.order, end_id=end_id))
    for length, (level, contexts, entries) in enumerate(
        zip(model.levels, numbers, list(model.entries())[1:], strict=True), start=2
    ):
        places = level.table.numbers(contexts, ids)
        counts = np.bincount(places[places >= 0], minlength=len(level.table.keys))
        shares, left_over = level.shares[:-1], level.left_over[entries.contexts]
        shorter = (entries.probabilities - shares) / left_over
        cost = counts * np.log(entries.probabilities / ((left_over + shares) * shorter))
        stays = (counts >= _MIN_COUNT) | (length == 2)
        costs.append(np.where(stays & (shares >= np.exp(-255 * SHARE_STEP)), cost, 0.0))
    return costs


def _kept(model: InterpolatedModel, costs: Sequence[NDArray[np.float64]], least: float) -> list[Kept]:
    """Return which n-grams cost at least `least`, a number above 0, or are the context of one that does.

    Lengths without such n-grams are left out, and not stored.
    """
    kept = [cost >= least for cost in costs]
    while kept and not kept[-1].any():
        kept.pop()
    for length in reversed(range(1, len(kept))):
        kept[length - 1][model.levels[length].table.contexts[kept[length]]] = True
    return kept


def _num_bytes(model: InterpolatedModel, kept: Sequence[Kept]) -> int:
    return ngram_bytes(model.vocabulary_size, [int(own.sum()) for own in kept])


def _packed(model: InterpolatedModel, kept: Sequence[Kept]) -> PackedNgrams:
    kind = token_type(model.vocabulary_size)
    levels = []
    contexts_kept = np.ones(model.vocabulary_size, bool)
    for level, own in zip(model.levels, kept, strict=False):
        places = np.cumsum(contexts_kept) - 1  # of each context among those that are kept
        contexts = places[level.table.contexts[own]]
        sizes = np.bincount(contexts, minlength=int(contexts_kept.sum()))
        # Rounded up, so that shares become smaller and their sums stay below 1.
        steps = np.ceil(-np.log(level.shares[:-1][own]) / SHARE_STEP)
        levels.append(
            NgramLevel(
                sizes.astype(kind), level.table.tokens[own].astype(kind), np.clip(steps, 1, 255).astype(np.uint8)
            )
        )
        contexts_kept = own
    return PackedNgrams(model.singles.astype(np.float32), tuple(levels))
