from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.step.averaging import WeightAverages
from nextword.training.step.optimizer import SGD

ROUND_STEPS = 4

Array = NDArray[np.float32]


class Walk:
    """Weights that an optimizer updates, with a record of all their values."""

    def __init__(self, averages: WeightAverages | None) -> None:
        random = np.random.default_rng(0)
        self.weights = [keras.Variable(random.normal(size=shape).astype(np.float32)) for shape in ((3, 2), (4,))]
        self.averages = averages
        self.optimizer: Any = SGD(0.1, averages=averages)
        self.optimizer.build(self.weights)
        self.places = [self.place()]
        self._random = random

    def place(self) -> list[Array]:
        return [np.array(keras.ops.convert_to_numpy(weight)) for weight in self.weights]

    def go(self, num_steps: int) -> None:
        for _ in range(num_steps):
            gradients = [self._random.normal(size=weight.shape).astype(np.float32) for weight in self.weights]
            self.optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
            self.places.append(self.place())

    def mean(self, first: int, last: int) -> list[Array]:
        """The mean of the weights after updates `first` to `last`."""
        return [np.mean(arrays, axis=0) for arrays in zip(*self.places[first : last + 1], strict=True)]


def averaged(averages: WeightAverages, index: int = -1) -> list[Array]:
    return [np.array(keras.ops.convert_to_numpy(average)) for average in averages._tails[index].averages]


def assert_close(ours: Sequence[Array], expected: Sequence[Array]) -> None:
    for array, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(array, other, atol=1e-6)


def progress(num_rounds: int, averaged_steps: int = 0, averaging_since: int = 0) -> TrainingProgress:
    """The progress after some rounds; only the last one matters here."""
    numbers: dict[str, Any] = dict.fromkeys(RoundRecord.__dataclass_fields__, 1.0)
    records = [
        RoundRecord(**{**numbers, "round": number, "step": number * ROUND_STEPS, "averaged_steps": averaged_steps})
        for number in range(1, num_rounds + 1)
    ]
    return TrainingProgress(records=tuple(records), averaging_since=averaging_since)


# The arithmetic.


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_exponential_weights_increase_and_sum_to_one(decay: float) -> None:
    walk = Walk(averages := WeightAverages("exponential", decay))
    for done in (1, 2, 10):
        walk.go(done - len(walk.places) + 1)
        weighing = np.array([decay ** (done - step) for step in range(1, done + 1)])
        expected = [
            np.tensordot(weighing / weighing.sum(), np.stack(arrays), 1)
            for arrays in zip(*walk.places[1:], strict=True)
        ]
        assert_close(averaged(averages), expected)


def test_the_average_equals_the_weights_before_it_is_triggered() -> None:
    walk = Walk(averages := WeightAverages("triggered", 0.9))
    for _ in range(3):
        walk.go(1)
        for average, weight in zip(averaged(averages), walk.place(), strict=True):
            np.testing.assert_array_equal(average, weight)
    assert averages.main.length_at(3) == 0


def test_the_triggered_average_is_the_mean_of_all_weights_since_the_trigger() -> None:
    walk = Walk(averages := WeightAverages("triggered", 0.9))
    walk.go(ROUND_STEPS)
    averages.end_round(progress(1))
    walk.go(ROUND_STEPS)
    averages.end_round(progress(2, averaging_since=2))
    assert_close(averaged(averages), walk.place())
    walk.go(ROUND_STEPS)
    averages.end_round(progress(3, averaged_steps=5, averaging_since=2))
    walk.go(3)
    assert_close(averaged(averages), walk.mean(8, 15))
    assert averages.main.length_at(15) == 8


@pytest.mark.parametrize("kind", ["exponential", "triggered", "two_tailed"])
def test_the_average_of_constant_weights_equals_them(kind: Any) -> None:
    walk = Walk(averages := WeightAverages(kind, 0.97))
    for tail in averages._tails:
        tail.begin.assign(0)
    still = [keras.ops.zeros(weight.shape) for weight in walk.weights]
    for _ in range(60):
        walk.optimizer.apply(still)
    for average, weight in zip(averaged(averages), walk.place(), strict=True):
        np.testing.assert_array_equal(average, weight)


class TwoTails:
    """Two-tailed averaging as in Melis (2022): counts and means of one weight."""

    def __init__(self) -> None:
        self.short: list[list[Array]] = []
        self.long: list[list[Array]] = []

    def step(self, place: list[Array]) -> None:
        self.short.append(place)
        self.long.append(place)

    def evaluate(self, short: float, long: float) -> None:
        if short <= long:
            self.long, self.short = self.short, []


def test_two_tailed_averaging_switches_as_published() -> None:
    walk, tails = Walk(averages := WeightAverages("two_tailed", 0.9)), TwoTails()
    perplexities = [(9.0, 9.0), (8.0, 8.5), (7.0, 6.0), (6.5, 6.0), (5.0, 5.0), (4.5, 5.0), (4.4, 4.3)]
    lengths = []
    for number, (short, long) in enumerate(perplexities, start=1):
        walk.go(ROUND_STEPS)
        for place in walk.places[-ROUND_STEPS:]:
            tails.step(place)
        before = (len(tails.short), len(tails.long))
        assert [tail.length_at(number * ROUND_STEPS) for tail in averages._tails] == list(before)
        found = iter([{"perplexity": short}, {"perplexity": long}])
        best, figures = averages.validate(partial(next, found), number * ROUND_STEPS)
        assert figures == {"perplexity": min(short, long)}
        averages.end_round(progress(number, averaged_steps=best))
        tails.evaluate(short, long)
        lengths.append(len(tails.long))
        assert averages.main.length_at(number * ROUND_STEPS) == len(tails.long)
        assert_close(averaged(averages), [np.mean(arrays, axis=0) for arrays in zip(*tails.long, strict=True)])
        assert best == len(tails.long)
    assert lengths == [4, 4, 8, 12, 12, 4, 8]


def test_equal_averages_are_validated_once() -> None:
    walk = Walk(averages := WeightAverages("two_tailed", 0.9))
    walk.go(ROUND_STEPS)
    results = iter([only := {"perplexity": 1.0}])
    assert averages.validate(lambda: next(results), ROUND_STEPS) == (ROUND_STEPS, only)


# Replacing the weights.


def test_each_average_replaces_the_weights_for_its_evaluation() -> None:
    walk = Walk(averages := WeightAverages("two_tailed", 0.9))
    walk.go(ROUND_STEPS)
    averages.end_round(progress(1, averaged_steps=ROUND_STEPS))
    walk.go(ROUND_STEPS)
    seen: list[list[Array]] = []

    def evaluate() -> dict[str, float]:
        seen.append(walk.place())
        return {"perplexity": 1.0}

    averages.validate(evaluate, 2 * ROUND_STEPS)
    assert_close(seen[0], walk.mean(5, 8))
    assert_close(seen[1], walk.mean(1, 8))
    assert_close(walk.place(), walk.places[-1])


@pytest.mark.parametrize(
    ("kind", "num_steps"), [("exponential", 0), ("two_tailed", 0), ("triggered", 0), ("triggered", 3)]
)
def test_the_weights_are_evaluated_before_an_average_begins(kind: Any, num_steps: int) -> None:
    walk = Walk(averages := WeightAverages(kind, 0.9))
    walk.go(num_steps)
    seen: list[Array] = []

    def evaluate() -> dict[str, float]:
        seen.extend(walk.place())
        return {"perplexity": 1.0}

    assert averages.validate(evaluate, num_steps) == (0, {"perplexity": 1.0})
    for array, expected in zip(seen, walk.places[-1], strict=True):
        np.testing.assert_array_equal(array, expected)


class EvaluationError(Exception):
    """A simulated error in an evaluation."""


@pytest.mark.parametrize("trouble", [None, EvaluationError, KeyboardInterrupt])
def test_the_weights_are_restored_exactly_after_errors(trouble: type[BaseException] | None) -> None:
    walk = Walk(averages := WeightAverages("exponential", 0.9))
    walk.go(5)
    before = walk.place()

    def evaluate() -> dict[str, float]:
        assert not np.array_equal(walk.place()[0], before[0])
        walk.weights[0].assign(np.full((3, 2), np.nan, np.float32))
        if trouble:
            raise trouble
        return {"perplexity": 1.0}

    if trouble:
        with pytest.raises(trouble):
            averages.validate(evaluate, 5)
    else:
        averages.validate(evaluate, 5)
    for weight, expected in zip(walk.place(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_replaced_weights_train_independently_of_the_average() -> None:
    walk = Walk(averages := WeightAverages("exponential", 0.9))
    walk.go(3)
    averages.main.replace_weights()
    taken = averaged(averages)
    assert_close(walk.place(), taken)
    walk.weights[0].assign_add(np.ones((3, 2), np.float32))
    assert_close(averaged(averages), taken)


def test_averages_do_not_change_the_weights() -> None:
    ours, theirs = Walk(WeightAverages("two_tailed", 0.9)), Walk(None)
    for walk in (ours, theirs):
        walk.go(6)
    for place, expected in zip(ours.places, theirs.places, strict=True):
        assert all(np.array_equal(array, other) for array, other in zip(place, expected, strict=True))


def test_building_twice_adds_nothing() -> None:
    walk = Walk(WeightAverages("exponential", 0.9))
    num_variables = len(walk.optimizer.variables)
    walk.optimizer.build(walk.weights)
    assert len(walk.optimizer.variables) == num_variables


def test_averages_in_a_compiled_step_match_a_loop() -> None:
    eager, compiled = (Walk(WeightAverages("exponential", 0.9)) for _ in range(2))
    gradients = [np.ones(weight.shape, np.float32) for weight in eager.weights]
    optimizer = compiled.optimizer
    step = jax.jit(optimizer.stateless_apply)
    states = [variable.value for variable in optimizer.variables]
    weights = [weight.value for weight in compiled.weights]
    for _ in range(4):
        weights, states = step(states, gradients, weights)
        eager.optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
    for variable, state in zip(eager.optimizer.variables, states, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), np.asarray(state), rtol=1e-6)
