"""What a run needs before its first step: settled settings, windows, teacher and plan, each made once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from nextword.bundle.bundle import Bundle
from nextword.bundle.files import require_storable
from nextword.errors import SettingError
from nextword.model.language_model import LanguageModel
from nextword.model.ops.precision import resolve_compute_dtype
from nextword.text.batching.window import Windows, make_windows, validation_streams
from nextword.text.corpus import Corpus
from nextword.text.options import BatchOptions
from nextword.training import distributed
from nextword.training.base import Base
from nextword.training.config import RunConfig
from nextword.training.plan import Plan
from nextword.training.step.carried_start import carried_weights, known_words
from nextword.training.step.count_based_initialization import token_counts
from nextword.training.step.distillation import Teacher, stream_model_of, teacher_of
from nextword.training.step.step import TrainingStep

WindowsOf = Callable[[BatchOptions], Windows]

Fit = Callable[[RunConfig, WindowsOf, Teacher | None], RunConfig]
"""Returns the settings with what the speed of this machine decides, such as the number of steps."""


@dataclass(frozen=True)
class Preparation:
    """What a run needs before its first step."""

    config: RunConfig  # the settled settings
    text: Corpus
    train: Windows  # the training windows
    valid: Windows  # the validation windows
    teacher: Teacher | None  # the model whose predictions are learned, or `None`
    plan: Plan  # the rounds, as planned before the first one
    start: Bundle | None = None  # the weights before the first step, if the run has a base
    known: str = ""  # what the base knows of the text of a new run, in words

    def new_model(self) -> LanguageModel:
        """Return a model with random weights, or with those that the run starts from."""
        architecture = self.config.model.build(self.text.tokenizer.vocabulary_size)
        training = self.config.training
        model = LanguageModel(architecture, seed=training.seed, compute_dtype=training.compute_dtype)
        if self.start is not None:
            model.set_named_weights(self.start.weights)
        return model

    def step(self, model: LanguageModel) -> TrainingStep:
        """Return the compiled step, which trains a model in place."""
        options, text = self.config.training, self.text
        step = TrainingStep(
            model,
            options,
            self.plan,
            train=distributed.own_rows(self.train),
            valid=self.valid,
            token_counts=token_counts(text) if options.sampled_softmax else None,
            stream_model=stream_model_of(self.teacher),
            unknown_id=text.tokenizer.unknown_id_in(text.valid.report.num_out_of_vocabulary),
            is_anchored=self.start is not None,
        )
        distributed.average(step.stream)  # vectors from counts depend on the processor
        return step


def prepare_new(config: RunConfig, text: Corpus, fit: Fit, base: Base | None = None) -> Preparation:
    """Prepare a new run: settle everything that text, machine and clock decide. Nothing is written."""
    config = config.resolved(
        text=text.options,
        compute_dtype=resolve_compute_dtype(config.training.compute_dtype),
        text_sha256=text.sha256,
        text_path=text.stored_name,
    )
    require_storable(config.model.build(text.tokenizer.vocabulary_size))
    if distributed.agreed(text.sha256) != text.sha256:
        raise SettingError("all processes must read the same text, but this one reads another than process 0; copy it")
    windows_of = _windows_of(text)
    windows_of(config.batching)
    teacher = teacher_of(config, text.tokenizer)
    if teacher is not None:
        config = teacher.noted_in(config)
    start = _start_from(base, config, text) if base else None
    config = fit(config, windows_of, teacher)
    if distributed.num_processes() > 1:  # the first one decides
        config = replace(RunConfig.from_tables(distributed.agreed(config.to_tables())), given=config.given)
    prepared = _prepared(config, text, windows_of, teacher)
    known = known_words(base.bundle, text.tokenizer, token_counts(text)) if base else ""
    return replace(prepared, start=start, known=known)


def _start_from(base: Base, config: RunConfig, text: Corpus) -> Bundle:
    weights = carried_weights(base.bundle, text.tokenizer, text.train.ids, start=config.training.start)
    architecture = config.model.build(text.tokenizer.vocabulary_size)
    return Bundle("start", architecture, text.tokenizer, weights, f"Started from {base.bundle.name}.\n")


def prepare_again(config: RunConfig, text: Corpus, start: Bundle | None = None) -> Preparation:
    """Prepare a run that has begun."""
    teacher = teacher_of(config, text.tokenizer)
    return replace(_prepared(config, text, _windows_of(text), teacher), start=start)


def _windows_of(text: Corpus) -> WindowsOf:
    def windows(batching: BatchOptions) -> Windows:
        rows = batching.replace(batch_size=batching.batch_size * distributed.num_processes())
        return make_windows(text.train.ids, rows, end_id=text.tokenizer.vocabulary.end_id)

    return cache(windows)


def _prepared(config: RunConfig, text: Corpus, windows_of: WindowsOf, teacher: Teacher | None) -> Preparation:
    train = windows_of(config.batching)
    valid = validation_streams(text.valid.ids, end_id=text.tokenizer.vocabulary.end_id)
    plan = Plan.of(config.training, train.steps_per_epoch, config.plan)
    return Preparation(config, text, train, valid, teacher, plan)
