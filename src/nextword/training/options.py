"""The training settings."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.architecture import ModelOptions
from nextword.errors import SettingError
from nextword.machine.framework import ComputeDtype
from nextword.settings import Settings, rate, setting


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Settings):
    """The settings of a training run: length, initialization, optimizer, loss, schedule and averaging.

    A round is a fixed number of steps. Validation, log, checkpoint and every decision come at the end of a round.
    """

    group: ClassVar[str] = "training"

    epochs: float = setting(10.0, help="Times to read the text; rounded up to whole rounds.", at_least=0.001)
    minutes: float | None = setting(
        None,
        help="Minutes from the command to the finished model, instead of `epochs`.",
        at_least=0.05,
        at_most=525_600.0,
    )
    round_steps: int | None = setting(
        None, help="Steps in a round (default: an epoch, or an even part of it of at most 2,000).", at_least=1
    )
    start: Literal["random", "counts"] = setting(
        "random",
        help="Weights before the first step: drawn at random, or with embedding and output bias from the counts of the "
        "training text.",
    )
    optimizer: Literal["adam", "muon", "sgd"] = setting(
        "adam", help="Optimizer; muon is for the kernels of the recurrent layers, with Adam for all else."
    )
    beta_1: float = rate(0.9, help="Adam's decay of the mean gradient.")
    beta_2: float = rate(0.999, help="Adam's decay of the mean squared gradient.")
    weight_decay: float = setting(
        0.0,
        help="Adam: half of this times the squared weights joins the loss; sgd and muon: this times the learning "
        "rate times each weight is taken off it in every step.",
        at_least=0.0,
    )
    muon_rate_ratio: float = setting(1.0, help="Muon's learning rate over that of its Adam.", at_least=0.0)
    learning_rate: float = setting(0.001, help="Peak learning rate.", at_least=0.0, at_most=1000.0)
    loss: Literal["mean", "sum_over_time"] = setting(
        "mean", help="Average the loss over all tokens of a window, or sum it over time and average over rows."
    )
    activation_regularization: float = setting(
        0.0, help="Factor of the mean square of the last layer's output, after dropout, in the loss.", at_least=0.0
    )
    temporal_activation_regularization: float = setting(
        0.0, help="Factor of the mean squared change of the last layer's output from step to step.", at_least=0.0
    )
    label_smoothing: float = rate(help="Part of the target's probability that the loss spreads over all tokens.")
    z_loss: float = setting(
        0.0, help="Factor of the squared logarithm of the softmax's denominator in the loss.", at_least=0.0
    )
    sampled_softmax: int | None = setting(
        None,
        help="Train with a softmax over this many candidates and the targets; validation uses the whole vocabulary.",
        at_least=2,
    )
    clip_norm: float | None = setting(
        None, help="Scale the gradient down to this norm over all weights.", at_least=1e-6
    )
    schedule: Literal["constant", "linear", "one_cycle", "step", "plateau"] = setting(
        "constant",
        help="Learning rate: constant; warmed up and then linear to zero; one cycle, of adam's beta_1 too; multiplied "
        "by decay_factor each epoch after constant_epochs; or multiplied by it when validation stops improving.",
    )
    warmup_fraction: float = rate(0.05, help="Part of all steps that `linear` and `one_cycle` warm up.")
    constant_epochs: int = setting(4, help="Epochs at full learning rate under `step`.", at_least=0)
    decay_factor: float = setting(0.5, help="Factor of `step` and `plateau`.", at_least=0.0, at_most=1.0)
    plateau_rounds: int = setting(1, help="Rounds without improvement before `plateau` cuts.", at_least=1)
    averaging: Literal["none", "exponential", "triggered", "two_tailed"] = setting(
        "none",
        help="Validate and keep an average of the weights: exponential; begun when validation stops improving "
        "(NT-ASGD); or the better of two running tails.",
    )
    averaging_decay: float = rate(0.999, help="What `exponential` keeps each step.")
    averaging_patience: int = setting(
        5, help="Rounds that `triggered` looks back beyond before it begins to average.", at_least=0
    )
    averaging_latest_round: int | None = setting(
        None, help="Round at whose end `triggered` averaging begins at the latest.", at_least=1
    )
    patience: int | None = setting(
        None, help="Stop after this many rounds without a better validation perplexity.", at_least=1
    )
    compute_dtype: ComputeDtype = setting(
        "auto", help="Precision of matrix products: the faster on this processor, or one by name."
    )
    seed: int = setting(0, help="Seed of weights and dropout.", at_least=0, at_most=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sampled_softmax and self.label_smoothing:
            raise SettingError(
                f"`label_smoothing` needs the whole vocabulary, but is {self.label_smoothing:g} with `sampled_softmax` "
                f"{self.sampled_softmax}; leave out one of the two"
            )

    def check_softmax(self, model: ModelOptions) -> None:
        """Raise if a loss setting does not fit the softmax of a model.

        Raises:
            SettingError: `sampled_softmax` is set for an adaptive softmax or a mixture, or `label_smoothing` or
                `z_loss` for a mixture.
        """
        if model.adaptive_cutoffs and self.sampled_softmax:
            raise SettingError(
                f"`sampled_softmax` needs a full softmax, but is {self.sampled_softmax} with `adaptive_cutoffs` "
                f"{list(model.adaptive_cutoffs)}; leave out one of the two"
            )
        for name in ("sampled_softmax", "label_smoothing", "z_loss"):
            if model.mixture_size > 1 and getattr(self, name):
                raise SettingError(
                    f"`{name}` needs a single softmax, but is {getattr(self, name):g} with `mixture_size` "
                    f"{model.mixture_size}; leave it out or set `mixture_size` to 1"
                )
