"""The receivers of progress, messages and warnings, and the defaults."""

import warnings

import pytest

from nextword.errors import TrainingWarning
from nextword.training.context import RunContext, TrainingObserver, warn_user
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress

RECORD = RoundRecord(1, 6, 0.4, 0.1, 9.0, 0.3, 8.0, 0.2, 1e5, 1.5)


def test_progress_and_messages_are_dropped_by_default() -> None:
    context, plan, progress = RunContext(), Plan(15, 6, (30,)), TrainingProgress(records=(RECORD,))
    observer: TrainingObserver = context.observer
    assert isinstance(observer, TrainingObserver)
    observer.on_start(plan, progress)
    observer.on_step(3, 9.0, 1e5)
    observer.on_validation()
    observer.on_round(RECORD, plan, progress)
    context.say("training")
    assert list(context.callbacks) == []
    assert (context.data_dir, context.cache_dir) == (None, None)


def test_warnings_go_to_python_by_default() -> None:
    with pytest.warns(TrainingWarning, match=r"^the checkpoint is damaged$"):
        RunContext().warn("the checkpoint is damaged")
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        with pytest.raises(TrainingWarning, match="a person may make an error of it"):
            warn_user("a person may make an error of it")


def test_a_receiver_gets_the_warnings_instead_of_python() -> None:
    seen: list[str] = []
    RunContext(warn=seen.append).warn("the checkpoint is damaged")  # an error if it reached Python, in these tests
    assert seen == ["the checkpoint is damaged"]
