"""Texts in company are the texts that each has alone, and nothing is left behind."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nextword.engine.engine import State, WindowPrediction
from nextword.engine.text_model import LoadedModel, TextModel
from nextword.inference.generation.generator import Request, generate_texts
from nextword.inference.generation.sampling import SamplingOptions
from nextword.serving.http.errors import ApiError
from nextword.serving.queue.batcher import Inbox, TextTask
from nextword.serving.queue.scheduler import Scheduler
from nextword.text.batching.window import TokenIds
from support.engine_scores import scores_of
from support.inner_engines import with_cache
from support.small_mixture import with_mixture
from support.text_tasks import Asked, all_of, long_request, nothing_left, one, task_of, toy
from support.toy_engine import ToyEngine
from support.waiting import run_async


def some_texts(vocabulary_size: int, count: int, seed: int) -> list[Asked]:
    random = np.random.default_rng(seed)
    kinds: list[dict[str, Any]] = [{}, {"top_p": 0.9}, {"top_k": 5, "temperature": 0.7}, {"temperature": 0.0}]
    texts = []
    for number in range(count):
        prompt = tuple(random.integers(2, vocabulary_size, size=random.integers(0, 70)).tolist())
        sampling = SamplingOptions(**kinds[number % 4], seed=int(random.integers(1000)))
        request = Request(max_tokens=int(random.integers(1, 30)), sampling=sampling)
        leaves = int(random.integers(1, 10)) if number % 5 == 4 else None
        texts.append(Asked(prompt, request, int(random.integers(30)), leaves, number % 3 == 0))
    return texts


def expected_ids(model: TextModel, asked: Asked) -> tuple[int, ...]:
    """Return the tokens of the text as `generate_texts` generates it alone."""
    text = generate_texts(with_prompt(model, asked.prompt), [""], asked.request)[0]
    return text.ids


def with_prompt(model: TextModel, prompt: tuple[int, ...]) -> TextModel:
    """Return the model with a tokenizer whose every prompt has these ids."""

    class Fixed:
        def encode_prompt(self, text: str) -> list[int]:
            return list(prompt)

        def __getattr__(self, name: str) -> Any:
            return getattr(model.tokenizer, name)

    return TextModel(model.engine, Fixed())  # type: ignore[arg-type]


def around(model: LoadedModel, kind: str) -> TextModel:
    if "mixture" in kind:
        return replace(model, bundle=with_mixture(model.bundle)).using("mixture")
    if kind == "cache":
        return model.with_engine(with_cache(model.engine, cache_size=20, cache_weight=0.4))
    return model


@pytest.mark.parametrize("kind", ["float32", "cache", "mixture", "int8", "int8 mixture"])
def test_a_text_in_company_is_the_text_alone(float_model: LoadedModel, austen: LoadedModel, kind: str) -> None:
    is_int8 = "int8" in kind
    model = around(austen if is_int8 else float_model, kind)
    for seed, max_rows in ((1, 64), (2, 3))[: 1 if is_int8 else 2]:
        texts = some_texts(model.engine.vocabulary_size, 12 if is_int8 else 25, seed)
        found = run_async(all_of, Scheduler(model.engine, max_rows=max_rows), model, texts)
        for asked, got in zip(texts, found, strict=True):
            expected = expected_ids(model, asked)
            ids = tuple(token.token_id for token in got.tokens)
            assert ids == expected[: len(ids)]
            assert len(ids) == len(expected) or asked.leaves_after is not None


@pytest.mark.parametrize("kind", ["float32", "cache", "mixture"])
def test_scores_do_not_depend_on_the_company(float_model: LoadedModel, kind: str) -> None:
    model = around(float_model, kind)
    texts = [asked for asked in some_texts(model.engine.vocabulary_size, 15, 7) if asked.leaves_after is None]
    together = run_async(all_of, Scheduler(model.engine), model, texts)
    for asked, got in zip(texts, together, strict=True):
        (alone,) = run_async(all_of, Scheduler(model.engine), model, [asked])
        assert alone == got
        ids = np.array([[*asked.prompt, *(token.token_id for token in got.tokens)]], np.int32)
        scores = scores_of(model.engine, ids, np.array([ids.shape[1]], np.int32)).log_probs[0]
        scored = [*got.prompt, *got.tokens]
        np.testing.assert_allclose([token.log_prob for token in scored], scores[-len(scored) :], atol=1e-5)


def test_the_prompt_of_an_int8_model_is_scored_in_windows(austen: LoadedModel) -> None:
    texts = [
        asked for asked in some_texts(austen.engine.vocabulary_size, 20, 8) if asked.scores_prompt and asked.prompt
    ]
    found = run_async(all_of, Scheduler(austen.engine), austen, texts)
    for asked, got in zip(texts, found, strict=True):
        scores = scores_of(austen.engine, np.array([asked.prompt], np.int32), np.array([len(asked.prompt)], np.int32))
        np.testing.assert_array_equal([token.log_prob for token in got.prompt], scores.log_probs[0])
        best = [token.top[0] for token in got.prompt]
        assert all(log_prob >= token.log_prob for (_, log_prob), token in zip(best, got.prompt, strict=True))


class Slow(ToyEngine):
    """Counts its steps, and takes a while for each."""

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        time.sleep(0.002)
        return super().predict_window(inputs, state)


def test_64_clients_share_steps_and_long_prompts_hold_nobody_up(model: LoadedModel) -> None:
    engine = ToyEngine(model.tokenizer.vocabulary_size, model.engine.end_id)
    scheduler = Scheduler(engine)

    async def company() -> None:
        await one(scheduler, toy(engine, model), Asked((), long_request(max_tokens=1)))  # it has tried the engine
        engine.shapes.clear()
        long = Asked(tuple([2] * 4000), long_request(max_tokens=1))
        texts = [long, *(Asked((2, 4), long_request(seed, max_tokens=50)) for seed in range(63))]
        with scheduler.running([task_of(toy(engine, model), asked, Inbox()) for asked in texts]):
            await nothing_left(scheduler)

    run_async(company)
    shared = [index for index, (batch_size, _) in enumerate(engine.shapes) if batch_size == 63]
    read = sum(num_steps for _, num_steps in engine.shapes[: shared[-1]] if num_steps > 1)
    assert len(shared) >= 49
    assert 0 < read < 1000, "the short texts waited for the long prompt"
    scheduler.close()
    assert max(engine.batch_sizes) >= 63
    assert max(num_steps for _, num_steps in engine.shapes) <= 32


def test_texts_that_are_left_leave_no_work_behind(model: LoadedModel) -> None:
    engine = Slow(model.tokenizer.vocabulary_size, model.engine.end_id)
    scheduler = Scheduler(engine, max_rows=8)

    async def leave() -> None:
        working = [
            asyncio.ensure_future(one(scheduler, toy(engine, model), Asked((2,), long_request(seed))))
            for seed in range(30)
        ]
        while scheduler.num_tokens < 50:
            await asyncio.sleep(0.001)
        assert scheduler.num_running == 30
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await nothing_left(scheduler)
        num_steps = len(engine.shapes)
        await asyncio.sleep(0.05)
        assert len(engine.shapes) == num_steps

    run_async(leave)
    scheduler.close()


def test_a_text_that_is_left_while_texts_are_dropped_is_counted_once(model: LoadedModel) -> None:
    scheduler = Scheduler(model.engine)

    class LeftMeanwhile(TextTask):
        """Is left between the first look at it and the second."""

        looks = 0

        @property
        def is_cancelled(self) -> bool:
            self.looks += 1
            return self.looks > 1

        @is_cancelled.setter
        def is_cancelled(self, value: bool) -> None:
            pass

    async def leave() -> None:
        with scheduler.running([LeftMeanwhile((model.engine.end_id, 2), None, inbox=Inbox())]):
            await nothing_left(scheduler)

    run_async(leave)
    scheduler.close()


def test_a_drain_ends_what_is_in_work(model: LoadedModel) -> None:
    engine = Slow(model.tokenizer.vocabulary_size, model.engine.end_id)
    scheduler = Scheduler(engine)

    async def drained() -> list[Any]:
        requests = [long_request(max_tokens=5), long_request()]
        working = [
            asyncio.ensure_future(one(scheduler, toy(engine, model), Asked((2,), request))) for request in requests
        ]
        complete = await working[0]
        await scheduler.drain()
        return [complete, *await asyncio.gather(working[1], return_exceptions=True)]

    complete, ended = run_async(drained)
    assert len(complete.tokens) == 5
    assert isinstance(ended, ApiError)
    assert ended.status == 503
    assert not scheduler.is_alive
    with pytest.raises(ApiError, match="ended"):
        run_async(one, scheduler, toy(engine, model), Asked((), long_request()))


def test_a_retired_scheduler_works_on_for_requests_that_still_have_it(model: LoadedModel) -> None:
    scheduler = Scheduler(model.engine)
    asked = Asked((2,), long_request(max_tokens=3))
    first = run_async(one, scheduler, model, asked)
    scheduler.retire()
    assert run_async(one, scheduler, model, asked) == first
    assert scheduler.is_alive
    scheduler.close()
