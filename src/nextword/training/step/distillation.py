"""Distillation: the model that a run learns from besides the text, and the model that learns."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, override

from keras import ops

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin import find_model
from nextword.bundle.store import read_bundle
from nextword.errors import BundleError, SettingError
from nextword.model.language_model import LanguageModel
from nextword.model.ops.cross_entropy import Candidates
from nextword.model.recurrent_stack import CarriedState, StackOutputs
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.training.options import TrainingOptions
from nextword.training.step.stream_model import StreamModel

if TYPE_CHECKING:
    from nextword.training.config import RunConfig

_TEACHER = "teacher_sha256"

TEACHER_WEIGHT = 0.5
"""Share of the loss that the teacher has; the text has the rest."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """A finished model, whose predictions a run learns; see `DistilledStreamModel`."""

    model: LanguageModel  # its weights do not change
    tokenizer: Tokenizer
    sha256: str  # SHA-256 of everything that the predictions depend on

    @classmethod
    def open(cls, path: str | Path, compute_dtype: str = "float32") -> Self:
        """Return the teacher in the directory of a run or a model.

        Raises:
            BundleError: There is no model, or the model is slim.
        """
        bundle = read_bundle(find_model(path))
        return cls(_model(bundle, compute_dtype), bundle.tokenizer, _sha256(bundle))

    def require_vocabulary_size(self, vocabulary_size: int) -> None:
        """Raise `SettingError` unless the teacher has as many tokens as a model, whose text is not known."""
        if self.tokenizer.vocabulary_size != vocabulary_size:
            raise SettingError(
                f"`teacher` must have as many tokens as the model, {vocabulary_size:,}, but has "
                f"{self.tokenizer.vocabulary_size:,}; set `maximum_vocabulary` to {self.tokenizer.vocabulary_size}"
            )

    def require_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Raise `SettingError` unless the teacher has the tokenizer of a text."""
        if self.tokenizer.fingerprint != tokenizer.fingerprint:
            raise SettingError(
                f"`teacher` must have the tokenizer of the text, {tokenizer.summary}, but has another one, "
                f"{self.tokenizer.summary}; train both on the same text with the same settings of the tokenizer"
            )

    def noted_in(self, config: "RunConfig") -> "RunConfig":
        """Return the settings of a run with the SHA-256 of this teacher."""
        return replace(config, origin={**config.origin, _TEACHER: self.sha256})


def teacher_of(config: "RunConfig", tokenizer: Tokenizer) -> Teacher | None:
    """Return the teacher of a run, the same as when the run began; `None` if it has none.

    Raises:
        BundleError: There is no such model.
        SettingError: It is another model than when the run began, or its tokenizer is not that of the text.
    """
    if config.training.teacher is None:
        return None
    known = config.origin.get(_TEACHER)
    try:
        teacher = Teacher.open(config.training.teacher, config.training.compute_dtype)
    except BundleError as error:
        if known is None:
            raise
        raise BundleError(
            f"a run must be resumed with its teacher, but {error}; restore it, or write where it is now as `teacher` "
            "into the config.toml of the run"
        ) from error
    teacher.require_tokenizer(tokenizer)
    if known not in (None, teacher.sha256):
        raise SettingError(
            f"a run must be resumed with its teacher, but `{config.training.teacher}` has changed; restore it, or "
            "train in a new directory"
        )
    return teacher


class DistilledStreamModel(StreamModel):
    r"""A `StreamModel` whose targets are the words of the text and the probabilities of a teacher.

    With $w_n$ the weight of token $n$, $q_n$ the probabilities of the teacher, $p_n$ those of the model, $\ell_n$ the
    loss of the text alone, and $\lambda$ the share of the teacher, `TEACHER_WEIGHT`:

    $$\text{total} = \sum_n w_n \Big( (1 - \lambda) \ell_n - \lambda \sum_v q_{nv} \log p_{nv} \Big)$$

    With a sampled softmax, $p$ and $q$ are over its candidates instead, with their log-weights. The
    teacher reads the same windows without dropout, and carries its own state. It takes no part in validation, and
    perplexity and accuracy are those of the text. The probabilities of a whole window are in memory.

    Source:
        Hinton, Vinyals and Dean (2015), at temperature 1.
    """

    def __init__(
        self, model: LanguageModel, options: TrainingOptions, *, batch_size: int, teacher: Teacher, **others: Any
    ) -> None:
        super().__init__(model, options, batch_size=batch_size, **others)
        self.teacher = teacher.model
        self.teacher.trainable = False
        sizes, cell = teacher.model.architecture.hidden_sizes, teacher.model.architecture.cell
        self.teacher_state = CarriedState(sizes, batch_size, cell=cell, name="teacher_0")

    @property
    @override
    def carried_variables(self) -> list[Any]:
        return [*super().carried_variables, *self.teacher_state.variables]

    @property
    @override
    def unsaved_variables(self) -> list[Any]:
        """The weights of the teacher, which are in its own bundle."""
        return list(self.teacher.variables)

    @override
    def _training_total(
        self, total: Any, inputs: Any, outputs: StackOutputs, weights: Any, candidates: Candidates | None
    ) -> Any:
        """Return the loss of the text and of the teacher's predictions, summed over the tokens of a window."""
        share = TEACHER_WEIGHT
        own = _log_probs(self.model, outputs.hidden, candidates)
        probabilities = ops.stop_gradient(ops.exp(self._teacher_log_probs(inputs, candidates)))
        cross_entropy = -ops.sum(probabilities * own, axis=-1)  # (B, T)
        return (1.0 - share) * total + share * ops.sum(cross_entropy * weights)

    def _teacher_log_probs(self, inputs: Any, candidates: Candidates | None) -> Any:
        """Return the log-probabilities of the teacher `(B, T, V)`, and carry its state."""
        carried = self.teacher_state
        hidden, state = self.teacher.hidden_states(inputs["tokens"], carried(inputs["reset"]), training=True)
        carried.assign(state)
        return _log_probs(self.teacher, hidden, candidates)


def stream_model_of(teacher: Teacher | None) -> Callable[..., StreamModel]:
    """Return what makes the model in training, with a teacher if there is one."""
    return StreamModel if teacher is None else partial(DistilledStreamModel, teacher=teacher)


def _log_probs(model: LanguageModel, hidden: Any, candidates: Candidates | None) -> Any:
    return ops.log_softmax(model.projection.training_logits(hidden, model.tied_embeddings, candidates))


def _model(bundle: Bundle, compute_dtype: str) -> LanguageModel:
    """Return a model that computes as in training, but without dropout."""
    architecture = bundle.architecture
    rates = {name: 0.0 for name in architecture.to_table() if name.endswith(("dropout_rate", "drop_rate"))}
    model = LanguageModel(architecture.replace(**rates), compute_dtype=compute_dtype)
    model.set_named_weights(bundle.weights)
    return model


def _sha256(bundle: Bundle) -> str:
    digest = hashlib.sha256(f"{bundle.architecture.to_table()}{bundle.tokenizer.fingerprint}".encode())
    for name, weight in sorted(bundle.weights.items()):
        digest.update(name.encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()
