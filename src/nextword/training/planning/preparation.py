"""What a run needs before its first step: settled settings, and windows. Nothing is written."""

from collections.abc import Callable

from nextword.bundle.files import require_storable
from nextword.model.ops.precision import resolve_compute_dtype
from nextword.text.batching.window import TokenIds, Windows
from nextword.text.batching.windows import make_windows, validation_streams
from nextword.text.corpus import Corpus, TrainingText
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.planning.budget import Budget, plan_time
from nextword.training.step.teacher import with_teacher


def settle(config: RunConfig, corpus: Corpus, context: RunContext, *, began: float, **origin: str) -> RunConfig:
    """Return the settings with everything that text, machine and clock decide. Nothing is written.

    Args:
        config: The settings.
        corpus: The text.
        context: Receives what was found.
        began: When the command began, by `time.monotonic`.
        origin: Where the run comes from.

    Raises:
        SettingError: The settings do not go with the text or the time.
    """
    config = config.resolved(
        text=corpus.options,
        compute_dtype=resolve_compute_dtype(config.training.compute_dtype),
        text_sha256=corpus.sha256,
        **origin,
    )
    require_storable(config.model.build(corpus.tokenizer.vocabulary_size))
    windows_of(corpus, config)
    config = with_teacher(config, corpus.tokenizer)
    if config.training.minutes is not None and config.plan is None:
        config = plan_time(config, corpus, Budget(60.0 * config.training.minutes, began), context)
    return config


def windows_of(
    text: TrainingText, config: RunConfig, *, own: Callable[[TokenIds], TokenIds] | None = None
) -> tuple[Windows, Windows]:
    """Return training windows and validation windows.

    Args:
        text: Training and validation split.
        config: The settings.
        own: Returns the part of the training split to read (default: all).
    """
    end_id = text.tokenizer.vocabulary.end_id
    ids = text.train.ids if own is None else own(text.train.ids)
    train = make_windows(ids, config.batching, end_id=end_id)
    return train, validation_streams(text.valid.ids, end_id=end_id)
