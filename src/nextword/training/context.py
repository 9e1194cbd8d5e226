"""The context of a run: observer, messages, callbacks and folders; and the signals that stop it."""

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from nextword.errors import TrainingInterrupted, TrainingWarning
from nextword.system.progress import Receiver, reporting_to
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress

if TYPE_CHECKING:
    from nextword.text.corpus import Corpus
    from nextword.text.options import TextOptions
    from nextword.text.sources.find import TextLike


class TrainingObserver:
    """Receives progress events during training, for a progress bar or a log; this one does nothing with them.

    An observer does not change the run.
    """

    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Training begins, or resumes after `progress`."""

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """`step` steps are done in total; called about twice a second."""

    def on_point(self, point: TrainingPoint) -> None:
        """The training loss over an interval of steps is known; if the run is interrupted, its round begins again."""

    def on_validation(self) -> None:
        """A round's steps are done, and its validation begins."""

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        """A round ended and its checkpoint is saved; `plan` is the plan for the next rounds."""


def _to_all(name: str) -> Callable[..., None]:
    """Return a method of `Observers` that passes the event `name` to each."""

    def dispatch(observers: "Observers", *event: Any) -> None:
        for observer in observers.observers:
            getattr(observer, name)(*event)

    return dispatch


@dataclass(frozen=True)
class Observers(TrainingObserver):
    """Passes progress events to several observers, in order."""

    observers: Sequence[TrainingObserver]

    on_start = _to_all("on_start")
    on_step = _to_all("on_step")
    on_point = _to_all("on_point")
    on_validation = _to_all("on_validation")
    on_round = _to_all("on_round")


def warn_user(message: str) -> None:
    """Issue a message as a `TrainingWarning` of Python's `warnings`."""
    warnings.warn(message, TrainingWarning, stacklevel=3)


@dataclass(frozen=True)
class RunContext:
    """Context of a run: observer, messages, callbacks, data and cache folders."""

    observer: TrainingObserver = field(default_factory=TrainingObserver)  # receives the progress
    say: Callable[[str], object] = lambda _message: None  # receives status messages
    detail: Callable[[str], object] = lambda _message: None  # receives messages that few people need
    warn: Callable[[str], object] = warn_user  # receives warnings (default: Python's `warnings`)
    reading: Receiver | None = None  # receives how far the reading of a large text is
    callbacks: Sequence[Any] = ()  # the user's Keras callbacks
    data_dir: Path | None = None  # folder of samples
    cache_dir: Path | None = None  # folder of derived files

    def load_corpus(self, text: "TextLike | Corpus", options: "TextOptions", **tokens: Any) -> "Corpus":
        """Read the text of a run, and report on it; `tokens` are `base` or `tokenizer`, as for `Corpus.load`."""
        corpus = self.read_corpus(text, options, **tokens)
        for remark in corpus.report.remarks():
            self.say(remark)
        for sentence in corpus.report.describe():
            self.detail(sentence)
        return corpus

    def read_corpus(self, text: "TextLike | Corpus", options: "TextOptions", **tokens: Any) -> "Corpus":
        """Read the text of a run; a corpus is returned as it is."""
        from nextword.text.corpus import Corpus

        if isinstance(text, Corpus):
            return text
        with reporting_to(self.reading):
            tokens |= {"data_dir": self.data_dir, "cache_dir": self.cache_dir}
            return Corpus.load(text, options, **tokens)


class Interruption:
    """Records that a signal came; the run checks it between steps.

    The current step ends first: JAX has donated its buffers, and an exception inside the step would lose them. A second
    signal acts at once.
    """

    def __init__(self, *, only_between_rounds: bool = False) -> None:
        self.signal_number: int | None = None
        self.only_between_rounds = only_between_rounds

    def raise_if_requested(self) -> None:
        """Raise `TrainingInterrupted` if a signal came."""
        if self.signal_number is not None and not self.only_between_rounds:
            raise TrainingInterrupted(self.signal_number)

    def raise_between_rounds(self, signal_number: int) -> None:
        """Raise `TrainingInterrupted` if the number is that of a signal, and not 0."""
        if signal_number:
            raise TrainingInterrupted(signal_number)

    @contextmanager
    def listening(self, signals: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)) -> Iterator[None]:
        """Listen for `signals` within the block; in another thread than the main one, none arrive."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former: dict[int, Any] = {}

        def remember(signal_number: int, _frame: FrameType | None) -> None:
            self.signal_number = signal_number
            for number, handler in former.items():
                signal.signal(number, handler)

        for number in signals:
            if signal.getsignal(number) is not None:  # else it is the handler of C code, which Python cannot restore
                former[number] = signal.signal(number, remember)
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
