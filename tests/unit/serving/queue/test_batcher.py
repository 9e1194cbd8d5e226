"""Errors of the engine end the texts that meet them, and no others."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.engine import State, WindowPrediction
from nextword.engine.prefix_cache import PrefixCache
from nextword.engine.text_model import LoadedModel
from nextword.inference.generation.generator import Request
from nextword.inference.generation.sampling import SamplingOptions
from nextword.serving.http.errors import ApiError
from nextword.serving.queue.batcher import SharedSteps
from nextword.serving.queue.scheduler import Scheduler
from nextword.text.batching.window import TokenIds
from support.text_tasks import Asked, long_request, one, toy
from support.toy_engine import ToyEngine
from support.waiting import run_async


class Breaking(ToyEngine):
    """Fails, or gives NaN, for texts that hold a certain token, once it has been tried."""

    breaks = False

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        prediction, state = super().predict_window(inputs, state)
        if self.breaks and (inputs == 5).any():
            raise RuntimeError("broken")
        if self.breaks:
            prediction.log_probs[inputs == 6] = np.nan
        return prediction, state


@pytest.mark.parametrize("bad", [(5,), (6,), (5, *[2] * 40), (*[2] * 20, 5, *[2] * 40)], ids=len)
def test_an_error_of_the_engine_ends_its_texts_and_no_others(
    model: LoadedModel, bad: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> None:
    engine = Breaking(model.tokenizer.vocabulary_size, model.engine.end_id)
    scheduler = Scheduler(engine)
    asked = Asked((2,), Request(max_tokens=2, sampling=SamplingOptions(seed=1), forbid=("on", "mat", "don't")))

    async def failing() -> None:
        await one(scheduler, toy(engine, model), asked)
        engine.breaks = True
        good = asyncio.ensure_future(one(scheduler, toy(engine, model), asked))
        if 5 in bad:
            await good
        with pytest.raises(ApiError) as caught:
            await one(scheduler, toy(engine, model), Asked(bad, long_request()))
        assert caught.value.status == 500
        assert len((await good).tokens) == 2
        assert len((await one(scheduler, toy(engine, model), asked)).tokens) == 2

    run_async(failing)
    assert scheduler.is_alive
    assert "texts end with an error" in caplog.text
    scheduler.close()


def read(engine: ToyEngine, ids: list[int]) -> list[NDArray[np.float32]]:
    """Return the log-probabilities after each token, read alone."""
    state, found = engine.start(1), []
    for token_id in ids:
        log_probs, state = engine.step(np.array([token_id], np.int32), state)
        found.append(log_probs[0])
    return found


@pytest.mark.parametrize("compiles", [False, True])
def test_rows_join_and_leave_at_any_step(*, compiles: bool) -> None:
    engine, texts, expected = ToyEngine(9, 0), list[list[int]](), list[list[NDArray[np.float32]]]()
    engine.compiles_each_shape = compiles
    batch, random, positions = SharedSteps(engine), np.random.default_rng(1), list[int]()
    for _ in range(60):
        kept = [row for row in range(len(texts)) if random.random() > 0.2]
        new = [random.integers(9, size=80).tolist() for _ in range(int(random.integers(0, 3)))]
        batch.change(kept, [engine.start(1) for _ in new])
        texts = [*(texts[row] for row in kept), *new]
        expected = [*(expected[row] for row in kept), *(read(ToyEngine(9, 0), ids) for ids in new)]
        positions = [*(positions[row] for row in kept), *(0 for _ in new)]
        if not texts:
            continue
        found = batch.step([ids[position] for ids, position in zip(texts, positions, strict=True)])
        for row, position in enumerate(positions):
            np.testing.assert_array_equal(found[row], expected[row][position])
        positions = [position + 1 for position in positions]
        log_probs, _ = engine.step(np.array([texts[-1][positions[-1]]], np.int32), batch.state_of(len(texts) - 1))
        np.testing.assert_array_equal(log_probs[0], expected[-1][positions[-1]])
    sizes = set(engine.batch_sizes)
    assert len(sizes) > 3
    assert not compiles or all(size & (size - 1) == 0 for size in sizes)


def test_a_longer_prompt_is_not_read_again(model: LoadedModel) -> None:
    engine, cache = ToyEngine(model.tokenizer.vocabulary_size, model.engine.end_id), PrefixCache()
    scheduler = Scheduler(engine, cache)
    prompt = tuple([2, 3] * 50)
    request = Request(max_tokens=3, sampling=SamplingOptions(temperature=0.0))
    first = run_async(one, scheduler, toy(engine, model), Asked(prompt, request))
    written = tuple(token.token_id for token in first.tokens)
    for asked, most in ((prompt, 3), ((*prompt, 2), 4), ((*prompt, *written, 2), 6)):
        before = engine.num_read
        found = run_async(one, scheduler, toy(engine, model), Asked(asked, request))
        assert engine.num_read - before <= most
        alone = run_async(one, Scheduler(engine), toy(engine, model), Asked(asked, request))
        assert found == alone
    scheduler.close()
