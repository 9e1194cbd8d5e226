"""The receivers of progress, messages and warnings, and the defaults."""

import warnings

import pytest

from nextword.errors import TrainingWarning
from nextword.training.context import RunContext, warn_user


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
