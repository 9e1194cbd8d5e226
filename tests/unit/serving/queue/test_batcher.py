"""Errors of the engine end the texts that meet them, and no others."""

import asyncio

import numpy as np
import pytest

from nextword.engine.engine import State, WindowPrediction
from nextword.engine.text_model import LoadedModel
from nextword.inference.generation.generator import Request
from nextword.inference.generation.sampling import SamplingOptions
from nextword.serving.http.errors import ApiError
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


def test_an_engine_that_cannot_be_tried_takes_no_texts(model: LoadedModel, caplog: pytest.LogCaptureFixture) -> None:

    class Broken(ToyEngine):
        def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
            raise RuntimeError("broken")

    engine = Broken(model.tokenizer.vocabulary_size, model.engine.end_id)
    scheduler = Scheduler(engine)
    for _ in range(2):
        with pytest.raises(ApiError, match="ended by an error") as caught:
            run_async(one, scheduler, toy(engine, model), Asked((), long_request()))
        assert caught.value.status == 500
    assert not scheduler.is_alive
    assert scheduler.num_running == 0
    assert "broken" in caplog.text
