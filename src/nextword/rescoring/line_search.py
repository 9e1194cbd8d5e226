r"""The best place on a line through the space of weights, found exactly.

Along $w + t d$ the total of a hypothesis with features $x$ is a straight line in $t$, $w^\top x + t \, d^\top x$. The
hypothesis chosen is the uppermost line, so an utterance changes its choice at the corners of the upper envelope and
nowhere else, and the errors of all utterances are a step function of $t$: its steps are collected and added up.

Source:
    Och (2003), "Minimum error rate training in statistical machine translation", section 5.
"""

from typing import NamedTuple

import numpy as np

from nextword.rescoring.features import Features, Floats, Integers, first_of_highest


class LineOptimum(NamedTuple):
    """The widest stretch of the line with the fewest errors.

    Attributes:
        step: Its middle, the $t$ to go by.
        num_errors: Word errors there.
    """

    step: float
    num_errors: int


def search_line(features: Features, weights: Floats, direction: Floats, *, low: float, high: float) -> LineOptimum:
    """Return where on `weights + t * direction`, `low <= t <= high`, the fewest word errors are left.

    Example:
        >>> features = Features(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2, 1]), np.array([0, 2]))
        >>> search_line(features, np.array([1.0, 0.0]), np.array([0.0, 1.0]), low=0.0, high=5.0)
        LineOptimum(step=3.0, num_errors=1)
    """
    at_zero, slopes = features.values @ weights, features.values @ direction
    chosen = _first_choice(at_zero + low * slopes, slopes, features.begins)
    num_errors = int(features.errors[chosen].sum())
    steps, changes = [np.zeros(0)], [np.zeros(0, np.int64)]
    while True:
        places, following = _next_corners(at_zero, slopes, features.begins, chosen)
        moving = places < high
        if not moving.any():
            break
        # Rounding may put a corner a little before the one that led here.
        steps.append(np.maximum(places[moving], low))
        changes.append(features.errors[following[moving]] - features.errors[chosen[moving]])
        chosen = np.where(moving, following, chosen)
    return _fewest(num_errors, np.concatenate(steps), np.concatenate(changes), low, high)


def _first_choice(totals: Floats, slopes: Floats, begins: Integers) -> Integers:
    """Return the uppermost line of each utterance just after a place; of equals there, the steepest."""
    highest = np.repeat(np.maximum.reduceat(totals, begins[:-1]), np.diff(begins))
    return first_of_highest(np.where(totals == highest, slopes, -np.inf), begins)


def _next_corners(at_zero: Floats, slopes: Floats, begins: Integers, chosen: Integers) -> tuple[Floats, Integers]:
    """Return where the line that is chosen `(U,)` meets the next one of the envelope, and which that is."""
    sizes = np.diff(begins)
    rises = slopes - np.repeat(slopes[chosen], sizes)
    gaps = np.repeat(at_zero[chosen], sizes) - at_zero
    meets = np.full(len(slopes), np.inf)
    np.divide(gaps, rises, out=meets, where=rises > 0)
    places = np.minimum.reduceat(meets, begins[:-1])
    # Of lines that meet it at one place, the steepest is uppermost after it.
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
    firsts = np.flatnonzero(np.concatenate(([True], errors[1:] != errors[:-1])))  # of stretches with as many errors
    begins, ends, errors = begins[firsts], np.append(ends[firsts[1:] - 1], ends[-1]), errors[firsts]
    best = np.flatnonzero(errors == errors.min())
    widest = best[np.argmax((ends - begins)[best])]
    return LineOptimum(float((begins[widest] + ends[widest]) / 2), int(errors[widest]))
