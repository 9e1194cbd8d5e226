"""What a run would do, found out without training."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nextword.machine.capacity import read_capacity
from nextword.text.corpus import Corpus
from nextword.text.splitting import SPLITS
from nextword.training.budget import expected_seconds
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.memory_estimate import training_memory_bytes
from nextword.training.plan import Plan
from nextword.training.preparation import load_corpus, settle, windows_of
from nextword.training.run_directory import RunDirectory
from nextword.training.speed import measure_training
from nextword.training.teacher import teacher_of

_MEASURED_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run would do.

    Attributes:
        run: The run directory.
        text: The name of the text.
        tokens: Number of tokens of each split.
        vocabulary_size: Number of tokens in the vocabulary.
        tokenizer: How the text is split into tokens.
        model: Cell and widths of the layers.
        num_parameters: Number of trainable parameters.
        steps: Training steps; with `minutes` an estimate.
        rounds: Rounds, each with a validation and a checkpoint.
        epochs: Passes over the text.
        seconds: About how long the run takes.
        memory_bytes: About how much memory it takes, with its teacher.
        available_memory_bytes: How much is available; `None` if unknown.
    """

    run: str
    text: str
    tokens: dict[str, int]
    vocabulary_size: int
    tokenizer: str
    model: str
    num_parameters: int
    steps: int
    rounds: int
    epochs: float
    seconds: float
    memory_bytes: int
    available_memory_bytes: int | None

    def to_table(self) -> dict[str, Any]:
        """Return the forecast as a table for JSON."""
        return asdict(self)


def forecast_run(config: RunConfig, text: str | Path, root: Path, context: RunContext) -> Forecast:
    """Return what `start_run` would do with the same arguments. Nothing is written, except for the text cache.

    The speed of this machine is measured, which takes some seconds.

    Raises:
        CheckpointError: A run began in `root` already.
        NextwordError: Text or settings are refused.
    """
    began = time.monotonic()
    RunDirectory(root).require_free()
    corpus = load_corpus(text, config, context)
    config = settle(config, corpus, context, began=began, text_path=corpus.stored_name)
    train, _ = windows_of(corpus, config)
    plan = Plan.of(config.training, train.steps_per_epoch, config.plan)
    architecture = config.model.build(corpus.tokenizer.vocabulary_size)
    teacher = teacher_of(config, corpus.tokenizer)
    teachers = [each.architecture for each in teacher.models] if teacher else []
    return Forecast(
        run=str(root),
        text=corpus.name,
        tokens={split: corpus.split(split).num_tokens for split in SPLITS},
        vocabulary_size=corpus.tokenizer.vocabulary_size,
        tokenizer=corpus.tokenizer.kind,
        model=config.model.summary,
        num_parameters=architecture.num_parameters,
        steps=plan.total_steps,
        rounds=plan.num_rounds,
        epochs=plan.total_steps / train.steps_per_epoch,
        seconds=_seconds(config, corpus, plan),
        memory_bytes=training_memory_bytes(architecture, config.batching, teachers),
        available_memory_bytes=read_capacity().available_memory_bytes,
    )


def _seconds(config: RunConfig, corpus: Corpus, plan: Plan) -> float:
    if config.training.minutes is not None:
        return 60.0 * config.training.minutes
    speed = measure_training(config, corpus.tokenizer.vocabulary_size, seconds=_MEASURED_SECONDS)
    return expected_seconds(config, corpus, plan, speed.words_per_second)
