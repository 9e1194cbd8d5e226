"""The models that a run learns from, besides the text."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nextword.bundle.bundle import Bundle
from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.samples import SAMPLE_MODELS
from nextword.bundle.store import find_model, model_path, read_bundle
from nextword.errors import BundleError, SettingError
from nextword.model.language_model import LanguageModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.training.cluster.population import Ensemble, member_directories

if TYPE_CHECKING:
    from nextword.training.config import RunConfig

_TEACHER = "teacher_sha256"


@dataclass(frozen=True, eq=False)
class Teacher:
    """The weighted mixture of finished models, whose predictions a run learns; see `distillation.DistilledStreamModel`.

    Attributes:
        models: The members of the mixture. Their weights do not change.
        weights: Weight of each member; they sum to one.
        tokenizer: The tokenizer that all members share.
        sha256: SHA-256 of everything that the predictions depend on.

    Raises:
        SettingError: The members have different tokenizers.
    """

    models: tuple[LanguageModel, ...]
    weights: tuple[float, ...]
    tokenizer: Tokenizer
    sha256: str

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the teacher in the directory of a run, a model or a population.

        The members of a population have the weights that were fitted on the validation split.

        Raises:
            BundleError: There is no model, a member of the population is not finished, or a model is slim.
            SettingError: The members have different tokenizers.
        """
        root = Path(path)
        members = [] if path in SAMPLE_MODELS or RunDirectory(root).is_run else member_directories(root)
        if not members:
            return cls._of([read_bundle(find_model(path))], (1.0,))
        ensemble = Ensemble.read(root)
        if ensemble is None:
            raise BundleError(
                f"all members of `{root}` must be finished before a model can learn from them, but some are not; "
                f"run `nextword launch -n {len(members)} train --resume {root}`"
            )
        return cls._of([read_bundle(model_path(member)) for member in members], ensemble.weights)

    @classmethod
    def _of(cls, bundles: Sequence[Bundle], weights: tuple[float, ...]) -> Self:
        tokenizers = {bundle.tokenizer.fingerprint: bundle.tokenizer for bundle in bundles}
        if len(tokenizers) > 1:
            raise SettingError(
                f"the members of a teacher must share a tokenizer, but have {len(tokenizers)}; train them on one text"
            )
        return cls(tuple(map(_model, bundles)), weights, bundles[0].tokenizer, _sha256(bundles, weights))

    def require_vocabulary_size(self, vocabulary_size: int) -> None:
        """Raise unless the teacher has as many tokens as a model, whose text is not known.

        Raises:
            SettingError: It has more or fewer.
        """
        if self.tokenizer.vocabulary_size != vocabulary_size:
            raise SettingError(
                f"`teacher` must have as many tokens as the model, {vocabulary_size:,}, but has "
                f"{self.tokenizer.vocabulary_size:,}; set `maximum_vocabulary` to {self.tokenizer.vocabulary_size}"
            )

    def require_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Raise unless the teacher has the tokenizer of a text.

        Raises:
            SettingError: It has another one.
        """
        if self.tokenizer.fingerprint != tokenizer.fingerprint:
            raise SettingError(
                f"`teacher` must have the tokenizer of the text, {tokenizer.summary}, but has another one, "
                f"{self.tokenizer.summary}; train both on the same text with the same settings of the tokenizer"
            )


def with_teacher(config: "RunConfig", tokenizer: Tokenizer) -> "RunConfig":
    """Return the settings with the SHA-256 of their teacher, if they have one.

    Raises:
        BundleError: There is no such model.
        SettingError: Its tokenizer is not that of the text.
    """
    path = config.training.teacher
    if path is None:
        return config
    teacher = Teacher.open(path)
    teacher.require_tokenizer(tokenizer)
    return replace(config, origin={**config.origin, _TEACHER: teacher.sha256})


def teacher_of(config: "RunConfig", tokenizer: Tokenizer) -> Teacher | None:
    """Return the teacher of a run, the same as when the run began; `None` if it has none.

    Raises:
        BundleError: There is no such model any more.
        SettingError: It is another model now, or its tokenizer is not that of the text.
    """
    if config.training.teacher is None:
        return None
    try:
        teacher = Teacher.open(config.training.teacher)
    except BundleError as error:
        raise BundleError(
            f"a run must be resumed with its teacher, but {error}; restore it, or write where it is now as `teacher` "
            "into the config.toml of the run"
        ) from error
    teacher.require_tokenizer(tokenizer)
    if config.origin.get(_TEACHER, teacher.sha256) != teacher.sha256:
        raise SettingError(
            f"a run must be resumed with its teacher, but `{config.training.teacher}` has changed; restore it, or "
            "train in a new directory"
        )
    return teacher


def _model(bundle: Bundle) -> LanguageModel:
    model = LanguageModel(bundle.architecture)
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
