"""The receivers of progress, messages and warnings, the defaults, and signals."""

import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nextword.errors import TrainingInterrupted, TrainingWarning
from nextword.training.context import Interruption, RunContext, warn_user

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    former = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


class CaughtError(Exception):
    """Raised by the previous handler."""


def raise_caught(signal_number: int, _frame: object) -> None:
    raise CaughtError(signal_number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_only_recorded(number: int) -> None:
    interruption = Interruption()
    with interruption.listening():
        interruption.raise_if_requested()
        signal.raise_signal(number)
        assert interruption.signal_number == number
        with pytest.raises(TrainingInterrupted) as stop:
            interruption.raise_if_requested()
    assert stop.value.signal_number == number
    assert str(stop.value) == f"interrupted by {signal.Signals(number).name}"


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_acts_at_once(first: int, second: int) -> None:
    for number in SIGNALS:
        signal.signal(number, raise_caught)
    interruption = Interruption()
    with interruption.listening():
        signal.raise_signal(first)
        with pytest.raises(CaughtError):
            signal.raise_signal(second)
    assert interruption.signal_number == first


def test_a_second_ctrl_c_is_a_keyboard_interrupt() -> None:
    with Interruption().listening():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("signaled", [False, True])
def test_the_previous_handlers_are_restored_after_the_block(signaled: bool) -> None:
    for number in SIGNALS:
        signal.signal(number, raise_caught)

    def fail() -> None:
        with Interruption().listening():
            assert raise_caught not in [signal.getsignal(number) for number in SIGNALS]
            if signaled:
                signal.raise_signal(signal.SIGTERM)
            raise ValueError("an error")

    with pytest.raises(ValueError, match="an error"):
        fail()
    assert [signal.getsignal(number) for number in SIGNALS] == [raise_caught, raise_caught]


def test_the_handler_of_c_code_stays_since_python_cannot_restore_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(signal, "getsignal", lambda _number: None)
    with Interruption().listening():
        monkeypatch.undo()
        assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_has_no_signals_to_listen_for() -> None:
    def listen() -> None:
        with Interruption().listening():
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    with ThreadPoolExecutor() as pool:
        pool.submit(listen).result()


def test_only_the_given_signals_are_handled() -> None:
    signal.signal(signal.SIGTERM, raise_caught)
    with Interruption().listening((signal.SIGINT,)), pytest.raises(CaughtError):
        signal.raise_signal(signal.SIGTERM)


def test_an_interruption_is_not_caught_as_an_exception() -> None:
    assert not issubclass(TrainingInterrupted, Exception)
