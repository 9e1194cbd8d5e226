"""What a run does, known before its first step."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from nextword.bundle.run_directory import RunDirectory
from nextword.errors import counted
from nextword.system.capacity import read_capacity
from nextword.text.corpus import Corpus
from nextword.text.sources.names import SPLITS
from nextword.training.base import base_of
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.planning.budget import plan_time
from nextword.training.planning.memory import training_memory_bytes
from nextword.training.planning.preparation import Preparation, prepare_new
from nextword.training.planning.speed import expected_seconds, measure_training
from nextword.training.report.progress_display import clock

_MEASURED_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run would do."""

    run: str
    text: str  # the name of the text
    tokens: dict[str, int]  # number of tokens of each split
    vocabulary_size: int  # number of tokens in the vocabulary
    tokenizer: str  # how the text is split into tokens
    model: str  # cell and widths of the layers
    num_parameters: int  # number of trainable parameters
    steps: int  # training steps; with `minutes` an estimate
    rounds: int  # rounds, each with a validation and a checkpoint
    epochs: float  # passes over the text
    minutes: float | None  # the time that the run may take; `None` if epochs decide
    seconds: float | None  # about how long the run takes; `None` if unknown
    memory_bytes: int  # about how much memory it takes, with its teacher
    available_memory_bytes: int | None  # how much is available; `None` if unknown
    base: str = ""  # what the base of the run knows of the text, in words; empty without a base

    @classmethod
    def of(cls, prepared: Preparation, corpus: Corpus, root: Path) -> Self:
        """Return what a run does; its time is unknown if epochs decide."""
        config, plan = prepared.config, prepared.plan
        minutes, needed = config.training.minutes, config.plan and config.plan.needed_seconds
        architecture = config.model.build(corpus.tokenizer.vocabulary_size)
        teacher = prepared.teacher.model.architecture if prepared.teacher else None
        memory = training_memory_bytes(architecture, config.batching, teacher, config.training.sampled_softmax)
        return cls(
            run=str(root),
            text=corpus.name,
            tokens={split: corpus.split(split).num_tokens for split in SPLITS},
            vocabulary_size=corpus.tokenizer.vocabulary_size,
            tokenizer=corpus.tokenizer.kind,
            model=config.model.summary,
            num_parameters=architecture.num_parameters,
            steps=plan.total_steps,
            rounds=plan.num_rounds,
            epochs=plan.total_steps / plan.steps_per_epoch,
            minutes=minutes,
            seconds=needed or (None if minutes is None else 60.0 * minutes),
            memory_bytes=memory,
            available_memory_bytes=read_capacity().available_memory_bytes,
            base=prepared.known,
        )

    def to_table(self) -> dict[str, Any]:
        """Return the forecast as a table for JSON."""
        return asdict(self)

    def describe(self, *, is_dry: bool = False) -> list[str]:
        """Return the forecast as aligned lines; `is_dry` says that no run follows."""
        return [f"{name:<11} {value}" for name, value in self._rows(is_dry=is_dry)]

    def report(self, context: RunContext, notes: Sequence[str] = ()) -> None:
        """Report the forecast of a run that begins, below the first note; the other notes are details.

        With the header of the rounds, eight lines at most come before the first round. Memory is the first note, or a
        detail unless more than half of what is available is needed.
        """
        rows = self.describe()
        memory = next(row for row in rows if row.startswith("memory"))
        rows.remove(memory)
        if self.available_memory_bytes is None or 2 * self.memory_bytes <= self.available_memory_bytes:
            context.detail(memory)
        else:
            notes = [memory, *notes]
        others = notes[1:]
        for note in notes[:1]:
            context.say(f"{note} ({counted(len(others), 'more note')} if verbose)" if others else note)
        for note in others:
            context.detail(note)
        for row in rows:
            context.say(row)

    def _rows(self, *, is_dry: bool) -> Iterator[tuple[str, str]]:
        is_short = self.minutes is not None and self.seconds is not None and self.seconds < 60.0 * self.minutes
        tokens = ", ".join(f"{split} {number:,}" for split, number in self.tokens.items())
        yield "text", f"{self.text}: {tokens} tokens"
        yield "vocabulary", f"{self.vocabulary_size:,} tokens, {self.tokenizer}"
        if self.base:
            yield "base", self.base
        yield "model", f"{self.model}, {self.num_parameters:,} parameters"
        about = "" if self.minutes is None else "at most " if is_short else "about "
        steps, rounds = counted(self.steps, "step"), counted(self.rounds, "round")
        yield "plan", f"{about}{steps} in {rounds}, {self.epochs:.1f} epochs"
        if self.seconds is not None:
            end = datetime.now().astimezone() + timedelta(seconds=self.seconds)
            short = f"; a short text does not need {counted(self.minutes or 0, 'minute')}" if is_short else ""
            yield "time", f"about {clock(self.seconds)}, done at {end:%H:%M}{short}"
        available = self.available_memory_bytes
        room = "" if available is None else f" of {available / 1e9:.1f} GB available"
        yield "memory", f"about {self.memory_bytes / 1e9:.1f} GB{room}"
        yield "run", f"{self.run}{', not created: this was a dry run' if is_dry else ''}"


def forecast_run(config: RunConfig, text: str | Path | Corpus, root: Path, context: RunContext) -> Forecast:
    """Return what `Run.begin` would do with the same arguments. Nothing is written, except for the text cache.

    The speed of this machine is measured, which takes some seconds.
    """
    began = time.monotonic()
    RunDirectory(root).require_free()
    config, base = base_of(config)
    corpus = context.load_corpus(text, config.text, base=base.bundle.tokenizer if base else None)
    fit = partial(plan_time, corpus=corpus, began=began, context=context)
    prepared = prepare_new(config, corpus, fit, base)
    forecast = Forecast.of(prepared, corpus, root)
    return forecast if forecast.seconds is not None else replace(forecast, seconds=_seconds(prepared, corpus))


def _seconds(prepared: Preparation, corpus: Corpus) -> float:
    size, teacher = corpus.tokenizer.vocabulary_size, prepared.teacher
    speed = measure_training(prepared.config, size, seconds=_MEASURED_SECONDS, teacher=teacher)
    return expected_seconds(prepared.config, corpus, prepared.plan, speed.words_per_second)
