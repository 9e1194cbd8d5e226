"""The choice between paths, with a CPU that is taken for a card and with paths whose time is given."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nextword.errors import StorageError
from nextword.ops import lstm_choice, lstm_jax
from nextword.ops.lstm import LSTMState, lstm, lstm_path
from nextword.ops.lstm_choice import Choice, ChoiceRecord, Shape, choose_recurrence, decide, recorded_choices

SHAPE = Shape(2, 3, 4, 5, "float32")
LARGE = Shape(16, 16, 4, 5, "float32")

CHOICE_RECORD_SHAPE = Shape(64, 35, 512, 512, "bfloat16")
CHOICE = Choice("cudnn", {"scan": 0.2, "cudnn": 0.1}, {"scan": 0.01, "cudnn": 1e-4}, {"other": "it broke"})


def scan(inputs: Any, hidden: Any, cell: Any, kernel: Any, recurrent_kernel: Any, bias: Any, _dtype: str) -> Any:
    """What the other paths have to agree with here: quicker to compile than the real one."""
    gates = jnp.tanh(inputs @ kernel + hidden @ recurrent_kernel + bias)
    hiddens = gates[..., : hidden.shape[1]] * cell
    return hiddens, hiddens[-1], 2 * cell


def scaled(which: int, factor: float) -> Callable[..., Any]:
    """A path that is wrong by a factor in one of its results."""

    def recurrence(*arguments: Any) -> Any:
        results = list(scan(*arguments))
        results[which] *= factor
        return tuple(results)

    return recurrence


def wrong_gradient(*arguments: Any) -> Any:
    """A path whose values are right, and whose gradient leaves out the recurrent kernel."""
    arguments = (*arguments[:4], jax.lax.stop_gradient(arguments[4]), *arguments[5:])
    return scan(*arguments)


def broken(*_arguments: Any) -> Any:
    raise NotImplementedError("bfloat16 support not implemented\nand more lines")


def not_a_number(*arguments: Any) -> Any:
    return tuple(result * jnp.nan for result in scan(*arguments))


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say how long the paths take, in the order in which they come to be measured."""

    def take(*seconds: float) -> None:
        given = iter(seconds)
        monkeypatch.setattr(lstm_choice, "shortest_seconds", lambda run: run() and next(given))

    return take


class Card:
    """What is asked of a device."""

    platform, device_kind, client = "gpu", "a card", SimpleNamespace(platform_version="cuda 1")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Card]:
    """A card that computes on the CPU, and a cache of its own."""
    device = Card()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(lstm_choice, "_default_device", lambda: device)
    monkeypatch.setenv("NEXTWORD_CACHE", str(tmp_path))
    lstm_choice._recorded_path.cache_clear()
    yield device
    lstm_choice._recorded_path.cache_clear()


def test_the_fastest_path_that_agrees_is_taken(times: Callable[..., None]) -> None:
    times(3.0, 1.0, 2.0)
    choice = decide(SHAPE, {"scan": scan, "fast": scan, "slower": scan})
    assert choice.path == "fast"
    assert choice.seconds == {"scan": 3.0, "fast": 1.0, "slower": 2.0}
    assert choice.deviations.keys() == choice.seconds.keys()
    assert max(choice.deviations.values()) < 1e-5
    assert choice.failures == {}


@pytest.mark.parametrize(("seconds", "path"), [(0.5, "other"), (0.9, "other"), (0.95, "scan"), (1.5, "scan")])
def test_a_gain_that_may_be_noise_is_none(times: Callable[..., None], seconds: float, path: str) -> None:
    times(1.0, seconds)
    assert decide(SHAPE, {"scan": scan, "other": scan}).path == path


@pytest.mark.parametrize("wrong", [*(scaled(which, 1.1) for which in range(3)), wrong_gradient])
@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_a_path_that_is_wrong_is_not_taken_however_fast(
    times: Callable[..., None], wrong: Callable[..., Any], compute_dtype: str
) -> None:
    times(1.0, 0.1)
    choice = decide(SHAPE._replace(compute_dtype=compute_dtype), {"scan": scan, "wrong": wrong})
    assert choice.path == "scan"
    assert choice.deviations["wrong"] > 0.05


def test_the_scan_is_there_even_where_it_is_coarse(times: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_choice, "_TOLERANCES", {"float32": -1.0})
    times(1.0, 0.1)
    assert decide(SHAPE, {"scan": scan, "other": scan}).path == "scan"


def test_a_path_that_breaks_is_named_and_left_alone(times: Callable[..., None]) -> None:
    times(1.0)
    choice = decide(SHAPE, {"scan": scan, "broken": broken, "not_a_number": not_a_number})
    assert choice.path == "scan"
    assert choice.seconds == {"scan": 1.0}
    assert choice.failures["broken"] == "NotImplementedError: bfloat16 support not implemented"
    assert "finite" in choice.failures["not_a_number"]
    assert np.isfinite(list(choice.deviations.values())).all()


@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_the_real_scan_is_timed_and_within_its_own_tolerance(compute_dtype: str) -> None:
    choice = decide(SHAPE._replace(compute_dtype=compute_dtype), {"scan": lstm_jax.lstm_recurrence})
    assert choice.path == "scan"
    assert choice.seconds["scan"] > 0
    assert choice.deviations["scan"] <= lstm_choice._TOLERANCES[compute_dtype]


def test_a_cpu_takes_the_scan_without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_choice, "decide", broken)
    assert choose_recurrence(LARGE) is lstm_jax.lstm_recurrence
    assert recorded_choices() == {}
    assert "scan" in lstm_path()


@pytest.mark.usefixtures("card")
def test_few_tokens_are_not_worth_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_choice, "decide", broken)
    assert choose_recurrence(Shape(1, 255, 4, 5, "float32")) is lstm_jax.lstm_recurrence


@pytest.mark.usefixtures("card")
def test_a_distributed_batch_takes_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_choice, "decide", broken)
    monkeypatch.setattr("keras.distribution.distribution", lambda: "data parallel")
    assert choose_recurrence(LARGE) is lstm_jax.lstm_recurrence


def test_a_card_decides_once_and_every_process_keeps_to_it(
    card: Card, times: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = scaled(0, 1.0)
    monkeypatch.setattr(lstm_choice, "_paths", lambda: {"scan": scan, "cudnn": wrapped})
    times(2.0, 1.0)
    assert choose_recurrence(LARGE) is wrapped
    assert recorded_choices()[LARGE].path == "cudnn"
    assert "cudnn in 1" in lstm_path()

    monkeypatch.setattr(lstm_choice, "decide", broken)
    assert choose_recurrence(LARGE) is wrapped
    lstm_choice._recorded_path.cache_clear()  # as in another process
    assert choose_recurrence(LARGE) is wrapped

    lstm_choice._recorded_path.cache_clear()
    card.device_kind = "another card"
    assert recorded_choices() == {}
    with pytest.raises(NotImplementedError):
        choose_recurrence(LARGE)


@pytest.mark.usefixtures("card")
def test_other_versions_decide_anew(times: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_choice, "_paths", lambda: {"scan": scan})
    times(1.0)
    choose_recurrence(LARGE)
    assert recorded_choices().keys() == {LARGE}
    assert {"jax", "jaxlib"} <= lstm_choice._versions().keys()
    monkeypatch.setattr(lstm_choice, "_versions", lambda: {"jax": "9.9"})
    assert recorded_choices() == {}


@pytest.mark.usefixtures("card")
def test_a_path_that_is_no_longer_there_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_choice, "decide", lambda *_arguments: Choice("forgotten"))
    assert choose_recurrence(LARGE) is lstm_jax.lstm_recurrence


@pytest.mark.usefixtures("card")
def test_what_cannot_be_remembered_is_not_decided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lstm_choice, "decide", broken)
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEXTWORD_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="NEXTWORD_CACHE"):
        assert choose_recurrence(LARGE) is lstm_jax.lstm_recurrence


@pytest.mark.usefixtures("card")
def test_it_is_decided_in_the_midst_of_a_trace_and_leaves_nothing_in_it(
    times: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lstm_choice, "_paths", lambda: {"scan": lstm_jax.lstm_recurrence, "other": scan})
    monkeypatch.setattr(lstm_choice, "_TOLERANCES", {"float32": math.inf})
    times(2.0, 1.0)
    inputs, state = np.ones((16, 16, 4), np.float32), LSTMState(*np.ones((2, 16, 5), np.float32))
    weights: dict[str, Any] = {"recurrent_kernel": np.ones((5, 20), np.float32), "bias": np.ones(20, np.float32)}

    def loss(kernel: Any) -> Any:
        return lstm(inputs, state, kernel=kernel, **weights)[0].sum()

    program = str(jax.make_jaxpr(jax.jit(jax.grad(loss)))(np.ones((4, 20), np.float32)))
    assert recorded_choices()[LARGE].path == "other"
    assert " scan[" not in program
    assert " tanh" in program


def record_in(folder: Path) -> ChoiceRecord:
    return ChoiceRecord(folder / "new" / "choices.json", {"device": "a card", "jax": "1.2"})


def undecided() -> Choice:
    raise AssertionError("this was decided before")


def test_a_choice_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    assert record_in(tmp_path).read() == {}
    assert record_in(tmp_path).choice(CHOICE_RECORD_SHAPE, lambda: CHOICE) == CHOICE
    assert record_in(tmp_path).choice(CHOICE_RECORD_SHAPE, undecided) == CHOICE
    assert record_in(tmp_path).read() == {CHOICE_RECORD_SHAPE: CHOICE}


@pytest.mark.parametrize("field", Shape._fields)
def test_a_shape_that_differs_in_anything_is_another(tmp_path: Path, field: str) -> None:
    changes: dict[str, Any] = {field: "float32" if field == "compute_dtype" else 7}
    other = CHOICE_RECORD_SHAPE._replace(**changes)
    record_in(tmp_path).choice(CHOICE_RECORD_SHAPE, lambda: CHOICE)
    assert record_in(tmp_path).choice(other, lambda: Choice("scan")) == Choice("scan")
    assert record_in(tmp_path).read() == {CHOICE_RECORD_SHAPE: CHOICE, other: Choice("scan")}


def test_the_file_says_what_it_was_decided_on(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record.choice(CHOICE_RECORD_SHAPE, lambda: CHOICE)
    assert json.loads(record.file.read_text())["about"] == {"device": "a card", "jax": "1.2"}


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"choices": [{"shape": {}, "choice": {"path": "scan"}}]}',
        b'{"choices": [{"shape": 3}]}',
    ],
)
def test_a_damaged_file_counts_as_empty_and_is_written_anew(tmp_path: Path, damaged: bytes) -> None:
    record = record_in(tmp_path)
    record.file.parent.mkdir()
    record.file.write_bytes(damaged)
    assert record.read() == {}
    assert record.choice(CHOICE_RECORD_SHAPE, lambda: CHOICE) == CHOICE
    assert record.read() == {CHOICE_RECORD_SHAPE: CHOICE}


def test_where_nothing_can_be_written_nothing_is_decided(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="could not be written"):
        record_in(tmp_path).choice(CHOICE_RECORD_SHAPE, undecided)


def test_of_two_that_come_at_once_one_decides_and_the_other_waits(tmp_path: Path) -> None:
    begun, may_end, decisions = threading.Event(), threading.Event(), []

    def slowly() -> Choice:
        begun.set()
        assert may_end.wait(60)
        return CHOICE

    def choose(decide: object) -> None:
        decisions.append(record_in(tmp_path).choice(CHOICE_RECORD_SHAPE, decide))  # type: ignore[arg-type]

    first = threading.Thread(target=choose, args=(slowly,))
    first.start()
    assert begun.wait(60)
    second = threading.Thread(target=choose, args=(lambda: Choice("scan"),))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    may_end.set()
    first.join()
    second.join()
    assert decisions == [CHOICE, CHOICE]
