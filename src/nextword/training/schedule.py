"""The learning rate as a function of the step."""

from typing import Any

import keras
from keras import ops

from nextword.training.options import TrainingOptions


@keras.saving.register_keras_serializable("nextword")
class LinearToZero(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly to the peak over the warm-up, then fall linearly to zero at the last step.

    Args:
        peak: The highest learning rate.
        warmup_steps: Steps until the peak.
        total_steps: Steps of the whole training.
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int) -> None:
        super().__init__()
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(1, self.warmup_steps)
        fall = (self.total_steps - step) / max(1, self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(rise, fall), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "total_steps": self.total_steps}


@keras.saving.register_keras_serializable("nextword")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Stay constant for some epochs, then multiply by a factor at the beginning of each (Zaremba et al. 2014).

    Args:
        initial: The learning rate of the first epochs.
        factor: What each later epoch multiplies it by.
        constant_epochs: Number of epochs at the initial rate.
        steps_per_epoch: Number of steps in an epoch.
    """

    def __init__(self, initial: float, factor: float, constant_epochs: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.initial = initial
        self.factor = factor
        self.constant_epochs = constant_epochs
        self.steps_per_epoch = steps_per_epoch

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        epoch = ops.floor(ops.cast(step, "float32") / self.steps_per_epoch)
        return self.initial * ops.power(self.factor, ops.maximum(0.0, epoch + 1.0 - self.constant_epochs))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initial": self.initial,
            "factor": self.factor,
            "constant_epochs": self.constant_epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }


def make_optimizer(options: TrainingOptions, *, steps_per_epoch: int, total_steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer with its schedule; under `plateau` the trainer sets the rate between rounds."""
    rate: Any = options.learning_rate
    if options.schedule == "linear":
        rate = LinearToZero(rate, round(options.warmup_fraction * total_steps), total_steps)
    elif options.schedule == "step":
        rate = StepDecay(rate, options.decay_factor, options.constant_epochs, steps_per_epoch)
    if options.optimizer == "adam":
        return keras.optimizers.Adam(rate, global_clipnorm=options.clip_norm)
    return keras.optimizers.SGD(rate, global_clipnorm=options.clip_norm)
