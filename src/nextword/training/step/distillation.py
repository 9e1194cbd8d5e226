"""Distillation: the models that a run learns from besides the text, and the model that learns."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, override

from keras import ops

from nextword.bundle.bundle import Bundle
from nextword.bundle.population import Ensemble, member_directories
from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.samples import SAMPLE_MODELS
from nextword.bundle.store import find_model, model_path, read_bundle
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
_MIN_WEIGHT = 1e-30  # stands for a weight of zero, which has no logarithm


@dataclass(frozen=True, eq=False)
class Teacher:
    """The weighted mixture of finished models, whose predictions a run learns; see `DistilledStreamModel`."""

    models: tuple[LanguageModel, ...]  # the members of the mixture. Their weights do not change
    weights: tuple[float, ...]  # weight of each member; they sum to one
    tokenizer: Tokenizer  # the tokenizer that all members share
    sha256: str  # SHA-256 of everything that the predictions depend on

    @classmethod
    def open(cls, path: str | Path, compute_dtype: str = "float32") -> Self:
        """Return the teacher in the directory of a run, a model or a population.

        The members of a population have the weights that were fitted on the validation split.

        Raises:
            BundleError: There is no model, a member of the population is not finished, or a model is slim.
            SettingError: The members have different tokenizers.
        """
        root = Path(path)
        members = [] if path in SAMPLE_MODELS or RunDirectory(root).is_run else member_directories(root)
        if not members:
            return cls._of([read_bundle(find_model(path))], (1.0,), compute_dtype)
        ensemble = Ensemble.read(root)
        if ensemble is None:
            raise BundleError(
                f"all members of `{root}` must be finished before a model can learn from them, but some are not; "
                f"run `nextword launch -n {len(members)} train --resume {root}`"
            )
        return cls._of([read_bundle(model_path(member)) for member in members], ensemble.weights, compute_dtype)

    @classmethod
    def _of(cls, bundles: Sequence[Bundle], weights: tuple[float, ...], compute_dtype: str) -> Self:
        tokenizers = {bundle.tokenizer.fingerprint: bundle.tokenizer for bundle in bundles}
        if len(tokenizers) > 1:
            raise SettingError(
                f"the members of a teacher must share a tokenizer, but have {len(tokenizers)}; train them on one text"
            )
        models = tuple(_model(bundle, compute_dtype) for bundle in bundles)
        return cls(models, weights, bundles[0].tokenizer, _sha256(bundles, weights))

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
    loss of the text alone, and $\lambda$ the `teacher_weight` of the options:

    $$\text{total} = \sum_n w_n \Big( (1 - \lambda) \ell_n - \lambda \sum_v q_{nv} \log p_{nv} \Big)$$

    With a sampled softmax, $p$ and the members of $q$ are over its candidates instead, with their log-weights. The
    teacher reads the same windows without dropout, and carries its own state. It takes no part in validation, and
    perplexity and accuracy are those of the text. The probabilities of a whole window are in memory.

    Source:
        Hinton, Vinyals and Dean (2015), at temperature 1.
    """

    def __init__(
        self, model: LanguageModel, options: TrainingOptions, *, batch_size: int, teacher: Teacher, **others: Any
    ) -> None:
        super().__init__(model, options, batch_size=batch_size, **others)
        self.teachers = list(teacher.models)
        for teacher_model in self.teachers:
            teacher_model.trainable = False
        self._log_weights = [math.log(max(weight, _MIN_WEIGHT)) for weight in teacher.weights]
        self.teacher_states = [
            CarriedState(
                teacher_model.architecture.hidden_sizes,
                batch_size,
                cell=teacher_model.architecture.cell,
                name=f"teacher_{index}",
            )
            for index, teacher_model in enumerate(self.teachers)
        ]

    @property
    @override
    def unsaved_variables(self) -> list[Any]:
        """The weights of the teacher, which are in its own bundle."""
        return [variable for model in self.teachers for variable in model.variables]

    @override
    def _training_total(
        self, total: Any, inputs: Any, outputs: StackOutputs, weights: Any, candidates: Candidates | None
    ) -> Any:
        """Return the loss of the text and of the teacher's predictions, summed over the tokens of a window."""
        share = self.options.teacher_weight
        own = _log_probs(self.model, outputs.hidden, candidates)
        probabilities = ops.stop_gradient(ops.exp(self._teacher_log_probs(inputs, candidates)))
        cross_entropy = -ops.sum(probabilities * own, axis=-1)  # (B, T)
        return (1.0 - share) * total + share * ops.sum(cross_entropy * weights)

    def _teacher_log_probs(self, inputs: Any, candidates: Candidates | None) -> Any:
        """Return the log-probabilities of the mixture `(B, T, V)`, and carry the states of its members."""
        members = []
        for model, carried, log_weight in zip(self.teachers, self.teacher_states, self._log_weights, strict=True):
            hidden, state = model.hidden_states(inputs["tokens"], carried(inputs["reset"]), training=True)
            carried.assign(state)
            members.append(_log_probs(model, hidden, candidates) + log_weight)
        return members[0] if len(members) == 1 else ops.logsumexp(ops.stack(members), axis=0)


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


def _sha256(bundles: Sequence[Bundle], weights: Sequence[float]) -> str:
    digest = hashlib.sha256(repr(tuple(weights)).encode())
    for bundle in bundles:
        digest.update(f"{bundle.architecture.to_table()}{bundle.tokenizer.fingerprint}".encode())
        for name, weight in sorted(bundle.weights.items()):
            digest.update(name.encode())
            digest.update(weight.tobytes())
    return digest.hexdigest()
