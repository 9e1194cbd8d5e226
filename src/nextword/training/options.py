"""How a model is trained."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.errors import SettingError
from nextword.ops.precision import ComputeDtype
from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Settings):
    """The length of training, its optimizer and its decisions.

    A round is a fixed number of steps; validation, the log line, the checkpoint and every decision come at its end.
    """

    group: ClassVar[str] = "training"

    epochs: float = setting(10.0, help="Times to go over the text; rounded up to whole rounds.", at_least=0.001)
    round_steps: int | None = setting(
        None,
        help="Steps in a round; an epoch, or an even part of it of at most 2,000 steps, where not given.",
        at_least=1,
    )
    optimizer: Literal["adam", "sgd"] = setting("adam", help="Optimizer.")
    learning_rate: float = setting(0.001, help="Peak learning rate.", at_least=0.0, at_most=1000.0)
    loss: Literal["mean", "sum_over_time"] = setting(
        "mean", help="Average the loss over all tokens of a window, or sum it over time and average over rows."
    )
    label_smoothing: float = setting(
        0.0, help="Part of the target's probability that the loss spreads over all tokens.", at_least=0.0, below=1.0
    )
    z_loss: float = setting(
        0.0, help="Factor of the squared logarithm of the softmax's denominator in the loss.", at_least=0.0
    )
    sampled_softmax: int | None = setting(
        None,
        help="Train with a softmax over so many candidates and the targets instead of the vocabulary; validation "
        "still uses all of it.",
        at_least=2,
    )
    clip_norm: float | None = setting(
        None, help="Scale the gradient down to this norm over all weights.", at_least=1e-6
    )
    schedule: Literal["constant", "linear", "step", "plateau"] = setting(
        "constant",
        help="Learning rate: constant; warmed up and then linear to zero; multiplied by decay_factor each epoch after "
        "constant_epochs; or multiplied by it where validation stops improving.",
    )
    warmup_fraction: float = setting(0.05, help="Part of all steps that `linear` warms up.", at_least=0.0, below=1.0)
    constant_epochs: int = setting(4, help="Epochs at full learning rate under `step`.", at_least=0)
    decay_factor: float = setting(0.5, help="Factor of `step` and `plateau`.", at_least=0.0, at_most=1.0)
    plateau_rounds: int = setting(1, help="Rounds without improvement that `plateau` bears.", at_least=1)
    patience: int | None = setting(
        None, help="Stop after so many rounds without a better validation perplexity.", at_least=1
    )
    compute_dtype: ComputeDtype = setting(
        "auto", help="Precision of matrix products: the faster on this processor, or one by name."
    )
    seed: int = setting(0, help="Seed of weights and dropout.", at_least=0, at_most=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sampled_softmax and self.label_smoothing:
            raise SettingError(
                f"`label_smoothing` spreads over the whole vocabulary, but is {self.label_smoothing:g} beside "
                f"`sampled_softmax` = {self.sampled_softmax}; leave out one of the two"
            )
