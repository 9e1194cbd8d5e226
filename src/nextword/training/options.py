"""The training settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from nextword.bundle.origin import SAMPLE_MODELS
from nextword.errors import SettingError
from nextword.settings import Settings, setting
from nextword.system.framework import ComputeDtype


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Settings):
    """The settings of a training run: length, initialization, optimizer, loss, schedule and averaging.

    A round is a fixed number of steps. Validation, log, checkpoint and every decision come at the end of a round.

    Example:
        >>> TrainingOptions(learning_rate=0.002, patience=3).optimizer
        'adam'
    """

    group: ClassVar[str] = "training"
    task: ClassVar[str] = "optimization"

    epochs: float = setting(10.0, help="Passes over the text.", at_least=0.0, task="length")
    minutes: float | None = setting(
        None,
        help="Time of the whole run, instead of --epochs.",
        at_least=0.05,
        at_most=525_600.0,
        unset="train by --epochs",
        task="length",
    )
    round_steps: int | None = setting(
        None,
        help="Steps in a round. Each round ends with a validation and a checkpoint.",
        at_least=1,
        unset="planned with --minutes, else an epoch, or an equal part of it of at most 2,000 steps",
        task="length",
    )
    base: str | None = setting(
        None,
        help="Start from this run or model.",
        unset="new weights",
        task="length",
        flag="from",
    )
    start: Literal["random", "counts", "mean"] = setting(
        "random",
        help="Initial weights. counts: the embedding and the output bias come from counts in the text. With --from, "
        "new words get theirs from counts, or all the mean of the known ones (mean).",
    )
    optimizer: Literal["adam", "sgd"] = setting("adam", help="Optimizer.")
    weight_decay: float = setting(
        0.0,
        help="adam: adds half of this times the squared weights to the loss. sgd: subtracts this "
        "times the learning rate times the weights at each step.",
        at_least=0.0,
        task="regularization",
    )
    learning_rate: float = setting(0.001, help="Peak learning rate.", at_least=0.0, at_most=1000.0)
    embedding_rate_ratio: float = setting(1.0, help="Factor of the learning rate for the embedding.", at_least=0.0)
    loss: Literal["mean", "sum_over_time"] = setting(
        "mean", help="Average the loss over all tokens of a batch, or sum it over time and average over rows."
    )
    activation_regularization: float = setting(
        0.0,
        help="Penalty on the mean square of the last layer's output, after dropout.",
        at_least=0.0,
        task="regularization",
    )
    temporal_activation_regularization: float = setting(
        0.0,
        help="Penalty on the mean squared change of the last layer's output between steps.",
        at_least=0.0,
        task="regularization",
    )
    sampled_softmax: int | None = setting(
        None,
        help="Train on N candidates and the targets instead of the whole vocabulary; 0 is the whole. Validation always "
        "uses all.",
        at_least=0,
        unset="a fifth of a large vocabulary with the preset auto and without --from, else the whole",
    )
    teacher: str | None = setting(
        None,
        help="Learn the predictions of this run or model too (distillation). It must have the same tokenizer.",
        unset="learn the text alone",
    )
    clip_norm: float | None = setting(
        None, help="Scale the gradient down to this norm, over all weights.", at_least=1e-6, unset="no clipping"
    )
    schedule: Literal["constant", "linear", "step"] = setting(
        "constant",
        help="Learning rate: constant; linear to zero after a warmup; step: decays each epoch after --constant-epochs.",
    )
    constant_epochs: int = setting(4, help="step: epochs at full learning rate.", at_least=0)
    decay_factor: float = setting(0.5, help="step: factor of each decay.", at_least=0.0, at_most=1.0)
    averaging: Literal["none", "exponential", "triggered", "two_tailed"] = setting(
        "none",
        help="Validate and keep an average of the weights: exponential; triggered when validation stops "
        "improving (NT-ASGD); or the better of two tails.",
    )
    patience: int | None = setting(
        None,
        help="Stop after N rounds without a better validation perplexity. The best round is kept.",
        at_least=1,
        unset="a third of the rounds with --minutes, or with --from and the preset auto; else never stop early",
        task="length",
    )
    mixture: bool = setting(
        True,
        help="Fit n-grams and a cache to mix with the network at work, in at most a tenth of --minutes. The n-grams "
        "are pieces of the training text.",
        task="length",
    )
    compute_dtype: ComputeDtype = setting(
        "auto", help="Precision of matrix products. auto: the faster one on this processor.", task="length"
    )
    sync_every: int = setting(
        1,
        help="With several processes: 1 exchanges the gradients at each step, N averages the weights every N steps.",
        at_least=1,
        task="length",
    )
    seed: int = setting(0, help="Seed for initial weights and dropout.", at_least=0, at_most=2**31 - 1, task="length")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("teacher", "base"):
            path = getattr(self, name)
            if path is not None and path not in SAMPLE_MODELS:  # a run is resumed from any folder
                object.__setattr__(self, name, str(Path(path).resolve()))
        if self.base is None and (self.start == "mean" or not self.epochs):
            name, value = ("start", "mean") if self.start == "mean" else ("epochs", "0")
            raise SettingError(f"`{name}` must not be {value} without `base`, the model to start from; add `base`")
