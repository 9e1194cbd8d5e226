"""The program of the transformer with a minimal GRU in place of attention, at the same recipe."""

from dataclasses import replace

from quality_protocol import Outcome, Say, Task, compete
from quality_transformer import train


def train_recurrent(task: Task, say: Say) -> Outcome:
    """Train until the time is over."""
    return train(replace(task, recipe={**task.recipe, "mixer": "mingru"}), say)


if __name__ == "__main__":
    compete(train_recurrent)
