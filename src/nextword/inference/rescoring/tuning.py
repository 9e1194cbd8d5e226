r"""Tunes the weights for the fewest word errors on lists with known references.

The number of errors is a step function of the weights, and does not change if all weights are scaled by one factor. So
one weight is fixed, the first first-pass weight, and the others are found without gradients:

1. Evaluate a coarse grid.
2. From its best points, search exactly along lines (`search_line`): along each weight, and along random directions,
   until no line has fewer errors.
3. Move each weight to the middle of the interval without a change in errors.

Each weight is scaled by the spread of its feature within the lists, so the scale of the scores does not matter.

Source:
    Och (2003), "Minimum error rate training in statistical machine translation"; Powell (1964), "An efficient method
    for finding the minimum of a function of several variables without calculating derivatives".
"""

from collections.abc import Collection
from itertools import islice, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.inference.rescoring.weights import Features, Floats, Integers, RescoringWeights, first_of_highest

FOLDS = 5
"""Number of folds of the utterances; each fold is rescored with weights tuned on the others."""

_MODEL, _FIRST_PASS = 0, 2
_GRID = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_MAX_POINTS, _MAX_LISTED = 256, 100_000
_NUM_STARTS = 4
_SEED = 0
_MAX_WEIGHT = 100.0
"""Maximum of the weights, as a multiple of the fixed weight, after scaling by the spread of the features."""


class LineOptimum(NamedTuple):
    """The widest interval with the fewest errors on a line."""

    step: float
    num_errors: int


def search_line(features: Features, weights: Floats, direction: Floats, *, low: float, high: float) -> LineOptimum:
    """Return the `t` in `[low, high]` with the fewest word errors of `weights + t * direction`."""
    at_zero, slopes = features.values @ weights, features.values @ direction
    chosen = _first_choice(at_zero + low * slopes, slopes, features.begins)
    num_errors = int(features.errors[chosen].sum())
    steps, changes = [np.zeros(0)], [np.zeros(0, np.int64)]
    while True:
        places, following = _next_corners(at_zero, slopes, features.begins, chosen)
        moving = places < high
        if not moving.any():
            break
        # Rounding may place a corner slightly before the previous one.
        steps.append(np.maximum(places[moving], low))
        changes.append(features.errors[following[moving]] - features.errors[chosen[moving]])
        chosen = np.where(moving, following, chosen)
    return _fewest(num_errors, np.concatenate(steps), np.concatenate(changes), low, high)


def _first_choice(totals: Floats, slopes: Floats, begins: Integers) -> Integers:
    """Return the highest line of each utterance just after a point; of ties there, the steepest."""
    highest = np.repeat(np.maximum.reduceat(totals, begins[:-1]), np.diff(begins))
    return first_of_highest(np.where(totals == highest, slopes, -np.inf), begins)


def _next_corners(at_zero: Floats, slopes: Floats, begins: Integers, chosen: Integers) -> tuple[Floats, Integers]:
    """Return where the chosen line `(U,)` meets the next line of the upper envelope, and the index of that line."""
    sizes = np.diff(begins)
    rises = slopes - np.repeat(slopes[chosen], sizes)
    gaps = np.repeat(at_zero[chosen], sizes) - at_zero
    meets = np.full(len(slopes), np.inf)
    np.divide(gaps, rises, out=meets, where=rises > 0)
    places = np.minimum.reduceat(meets, begins[:-1])
    # Of several lines that meet it at the same point, the steepest is the highest after it.
    following = first_of_highest(np.where(meets == np.repeat(places, sizes), slopes, -np.inf), begins)
    return places, following


def _fewest(num_errors: int, steps: Floats, changes: Integers, low: float, high: float) -> LineOptimum:
    order = np.argsort(steps, kind="stable")
    ends = np.concatenate(([low], steps[order], [high]))
    errors = num_errors + np.concatenate(([0], np.cumsum(changes[order])))
    wide = np.diff(ends) > 0
    if not wide.any():
        return LineOptimum(low, num_errors)
    begins, ends, errors = ends[:-1][wide], ends[1:][wide], errors[wide]
    firsts = np.flatnonzero(np.concatenate(([True], errors[1:] != errors[:-1])))  # starts of intervals of equal errors
    begins, ends, errors = begins[firsts], np.append(ends[firsts[1:] - 1], ends[-1]), errors[firsts]
    best = np.flatnonzero(errors == errors.min())
    widest = best[np.argmax((ends - begins)[best])]
    return LineOptimum(float((begins[widest] + ends[widest]) / 2), int(errors[widest]))


class Tuning(NamedTuple):
    """The result of tuning."""

    weights: RescoringWeights  # the weights with the fewest word errors
    # The hypothesis of each utterance chosen by weights tuned on other utterances `(U,)`; `None` if there are fewer
    # than two utterances.
    held_out: Integers | None


def tune(features: Features, weights: RescoringWeights, *, given: Collection[str] = ()) -> Tuning:
    """Return the weights with the fewest word errors, and the held-out choices by cross-validation.

    If no weight is given, and the order of the first pass has fewer errors than all weights, all weights are 0, which
    keeps this order.

    Those of the initial weights that are named in `given` keep their values.
    """
    free = _tuned_weights(weights, given)
    start = weights.vector
    found = _fewest_errors(features, start, free, may_keep_order=not given)
    return Tuning(RescoringWeights.of_vector(found), _held_out(features, start, free, may_keep_order=not given))


def _tuned_weights(weights: RescoringWeights, given: Collection[str]) -> NDArray[np.bool_]:
    """Return which weights are tuned `(F,)`: those not given; if none is given, one is fixed."""
    num_first_pass = len(weights.first_pass_weights)
    fields = ("model_weight", "length_weight", *["first_pass_weights"] * num_first_pass)
    free = np.array([field not in given for field in fields])
    anchor = _FIRST_PASS if num_first_pass else _MODEL
    if free[anchor] and (free | (weights.vector == 0)).all():
        free[anchor] = False
    if not free.any():
        raise SettingError("`--tune` needs a weight that is not given, but all are; leave out a weight or `--tune`")
    return free


def _fewest_errors(features: Features, start: Floats, free: NDArray[np.bool_], *, may_keep_order: bool) -> Floats:
    spread = features.spread()
    scales = np.where(spread > 0, spread, 1.0)
    scaled = features._replace(values=features.values / scales)
    start = start * scales
    fixed = np.abs(start[~free]).max(initial=0.0)
    unit = float(fixed) if fixed else 1.0
    random = np.random.default_rng(_SEED)
    points = _grid(start, np.flatnonzero(free & (spread > 0)), unit, random)
    starts = sorted(points, key=lambda point: (scaled.num_errors(point), float(np.abs(point).sum())))[:_NUM_STARTS]
    axes = np.eye(len(start))[free & (spread > 0)]
    found = [_descend(scaled, point, axes, _MAX_WEIGHT * unit, random) for point in starts]
    best = min(found, key=scaled.num_errors)
    first_pass = np.zeros_like(best)
    if may_keep_order and features.num_errors(first_pass) < scaled.num_errors(best):
        return first_pass
    return _rounded(features, best / scales)


def _grid(start: Floats, places: Integers, unit: float, random: np.random.Generator) -> list[Floats]:
    """Return the initial weights: a grid over the weights at `places`, or a random part of it if it is large."""
    values = [[unit * size for size in _GRID] for _ in places]
    for axis, place in zip(values, places, strict=True):
        if place not in (_MODEL, _FIRST_PASS):
            axis += [-size for size in axis[1:]]
    steps = list(islice(product(*values), _MAX_LISTED + 1))
    if len(steps) > _MAX_LISTED:
        steps = list(zip(*(random.choice(axis, _MAX_POINTS) for axis in values), strict=True))
    elif len(steps) > _MAX_POINTS:
        steps = [steps[index] for index in random.choice(len(steps), _MAX_POINTS, replace=False)]
    points = np.repeat(start[None], len(steps), axis=0)
    points[:, places] = np.array(steps).reshape(len(steps), len(places))
    return list(points)


def _descend(
    features: Features, weights: Floats, axes: Floats, max_weight: float, random: np.random.Generator
) -> Floats:
    fewest, improved = features.num_errors(weights), True
    while improved:
        improved = False
        drawn = random.normal(size=(len(axes), len(axes))) @ axes if len(axes) > 1 else axes[:0]
        for direction in (*axes, *drawn):
            moved = _moved(features, weights, direction, max_weight)
            if features.num_errors(moved) < fewest:
                weights, fewest, improved = moved, features.num_errors(moved), True
    for direction in axes:
        moved = _moved(features, weights, direction, max_weight)
        if features.num_errors(moved) <= fewest:
            weights, fewest = moved, features.num_errors(moved)
    return weights


def _moved(features: Features, weights: Floats, direction: Floats, max_weight: float) -> Floats:
    """Return the best weights on a line within the limits; the model's weight is never negative."""
    lowest, highest = np.full(len(weights), -max_weight), np.full(len(weights), max_weight)
    lowest[_MODEL] = 0.0
    along = direction != 0
    ends = np.stack((lowest - weights, highest - weights))[:, along] / direction[along]
    low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    if low >= high:
        return weights
    return weights + search_line(features, weights, direction, low=low, high=high).step * direction


def _rounded(features: Features, weights: Floats) -> Floats:
    """Round the weights to the fewest digits that do not change the number of errors."""
    for digits in range(3, 12):
        rounded = np.array([float(f"{weight:.{digits}g}") for weight in weights])
        if features.num_errors(rounded) == features.num_errors(weights):
            return rounded
    return weights


def _held_out(features: Features, start: Floats, free: NDArray[np.bool_], *, may_keep_order: bool) -> Integers | None:
    """Return the choices in each fold by weights tuned on the other folds `(U,)`."""
    if features.num_utterances < 2:
        return None
    fold_of = np.arange(features.num_utterances) % FOLDS
    chosen = np.zeros(features.num_utterances, np.int64)
    for fold in np.unique(fold_of):
        others = features.of_utterances(fold_of != fold)
        weights = _fewest_errors(others, start, free, may_keep_order=may_keep_order)
        chosen[fold_of == fold] = features.chosen(weights)[fold_of == fold]
    return chosen
