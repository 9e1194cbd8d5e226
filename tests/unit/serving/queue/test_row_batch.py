"""Texts share steps only where that changes no bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.engine.text_model import LoadedModel
from nextword.serving.queue.row_batch import (
    SeparateSteps,
    SharedSteps,
    reads_exact_windows,
    row_batch,
    smallest_exact_batch,
)
from nextword.text.batching.window import TokenIds
from support.inner_engines import with_cache
from support.small_mixture import SETTINGS, with_mixture
from support.toy_engine import ToyEngine


class OtherKernel(ToyEngine):
    """Rounds otherwise in batches of some sizes, as libraries of matrix products do."""

    def __init__(self, *, rounded_below: int) -> None:
        super().__init__(9, 0)
        self._rounded_below = rounded_below

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        prediction, state = super().predict_window(inputs, state)
        if inputs.size < self._rounded_below:
            prediction.log_probs[...] += np.float32(1e-6)
        return prediction, state


def test_float32_on_onnxruntime_shares_steps(float_model: LoadedModel) -> None:
    assert isinstance(row_batch(float_model.engine, 64), SharedSteps)
    assert isinstance(row_batch(with_cache(float_model.engine), 16), SharedSteps)


def test_int8_shares_steps_and_reads_windows(austen: LoadedModel) -> None:
    assert isinstance(row_batch(austen.engine, 64), SharedSteps)
    assert isinstance(row_batch(with_cache(austen.engine), 16), SharedSteps)
    assert reads_exact_windows(austen.engine, 8, 4)


def test_a_mixture_shares_steps_and_reads_windows_unless_it_has_a_cache(austen: LoadedModel) -> None:
    for settings, reads_windows in ((SETTINGS, False), (SETTINGS.replace(cache_weight=0.0), True)):
        engine = replace(austen, bundle=with_mixture(austen.bundle, settings=settings)).using("mixture").engine
        assert isinstance(row_batch(engine, 16), SharedSteps)
        assert reads_exact_windows(engine, 8, 4) is reads_windows


def test_an_engine_that_compiles_is_stepped_row_by_row() -> None:
    engine = ToyEngine(9, 0)
    engine.compiles_each_shape = True
    assert isinstance(row_batch(engine, 64), SeparateSteps)
    assert not engine.shapes, "nothing is tried"


@pytest.mark.parametrize(("rounded_below", "expected"), [(0, 1), (2, 2), (4, 4), (5, None), (30, None)])
def test_the_smallest_exact_batch_is_found(rounded_below: int, expected: int | None) -> None:
    assert smallest_exact_batch(OtherKernel(rounded_below=rounded_below), 64) == expected


@pytest.mark.parametrize(("rounded_below", "expected"), [(0, True), (2, False), (7, False)])
def test_inexact_windows_are_found(rounded_below: int, *, expected: bool) -> None:
    assert reads_exact_windows(OtherKernel(rounded_below=rounded_below), 8, 3) is expected


def test_a_single_text_has_nobody_beside_it() -> None:
    assert smallest_exact_batch(OtherKernel(rounded_below=30), 1) == 1


def read(engine: Engine, ids: list[int]) -> list[NDArray[np.float32]]:
    """Return the log-probabilities after each token, read alone in rows of four."""
    state, found = engine.start(4), []
    for token_id in ids:
        log_probs, state = engine.step(np.full(4, token_id, np.int32), state)
        found.append(log_probs[0])
    return found


@pytest.mark.parametrize("kind", ["shared", "filled", "separate"])
def test_rows_join_and_leave_at_any_step(kind: str) -> None:
    engine = OtherKernel(rounded_below=4) if kind == "filled" else ToyEngine(9, 0)
    kinds: dict[str, Any] = {"shared": SharedSteps(engine), "separate": SeparateSteps(engine)}
    batch = SharedSteps(engine, smallest=4) if kind == "filled" else kinds[kind]
    random, texts, expected = np.random.default_rng(1), list[list[int]](), list[list[NDArray[np.float32]]]()
    positions: list[int] = []
    for _ in range(60):
        kept = [row for row in range(len(texts)) if random.random() > 0.2]
        joining = int(random.integers(0, 3))
        new = [random.integers(9, size=80).tolist() for _ in range(joining)]
        batch.change(kept, [engine.start(1) for _ in new])
        texts = [*(texts[row] for row in kept), *new]
        expected = [*(expected[row] for row in kept), *(read(engine, ids) for ids in new)]
        positions = [*(positions[row] for row in kept), *(0 for _ in new)]
        if not texts:
            continue
        found = batch.step([ids[position] for ids, position in zip(texts, positions, strict=True)])
        for row, position in enumerate(positions):
            np.testing.assert_array_equal(found[row], expected[row][position])
        positions = [position + 1 for position in positions]
