"""A language model in training that also learns the predictions of others."""

import math
from typing import Any, override

from keras import ops

from nextword.model.language_model import LanguageModel
from nextword.model.layers.carried_state import CarriedState
from nextword.model.recurrent_stack import StackOutputs
from nextword.training.options import TrainingOptions
from nextword.training.step.stream_model import StreamModel
from nextword.training.step.teacher import Teacher

_MIN_WEIGHT = 1e-30
"""Stands for a weight of zero, which has no logarithm."""


class DistilledStreamModel(StreamModel):
    r"""A `StreamModel` whose targets are the words of the text and the probabilities of a teacher.

    With $w_n$ the weight of token $n$, $q_n$ the probabilities of the teacher, $p_n$ those of the model, $\ell_n$ the
    loss of the text alone, and $\lambda$ the `teacher_weight` of the options:

    $$\text{total} = \sum_n w_n \Big( (1 - \lambda) \ell_n - \lambda \sum_v q_{nv} \log p_{nv} \Big)$$

    The teacher reads the same windows without dropout, and carries its own state. It takes no part in validation, and
    perplexity and accuracy are those of the text. The probabilities of a whole window are in memory.

    Args:
        model: The language model to train.
        options: The loss settings.
        batch_size: Rows of a training window.
        teacher: The teacher, with the vocabulary of the model.
        others: Arguments of `StreamModel`.

    Source:
        Hinton, Vinyals and Dean (2015), at temperature 1.
    """

    def __init__(
        self, model: LanguageModel, options: TrainingOptions, *, batch_size: int, teacher: Teacher, **others: Any
    ) -> None:
        super().__init__(model, options, batch_size=batch_size, **others)
        self.teachers = list(teacher.models)
        for each in self.teachers:
            each.trainable = False
        self._log_weights = [math.log(max(weight, _MIN_WEIGHT)) for weight in teacher.weights]
        self.teacher_states = [
            CarriedState(
                each.architecture.hidden_sizes, batch_size, cell=each.architecture.cell, name=f"teacher_{index}"
            )
            for index, each in enumerate(self.teachers)
        ]

    @property
    @override
    def unsaved_variables(self) -> list[Any]:
        """The weights of the teacher, which are in its own bundle."""
        return [variable for model in self.teachers for variable in model.variables]

    @override
    def _training_total(self, total: Any, inputs: Any, outputs: StackOutputs, weights: Any) -> Any:
        """Return the loss of the text and of the teacher's predictions, summed over the tokens of a window."""
        share = self.options.teacher_weight
        logits = self.model.projection(outputs.hidden, self.model.tied_embeddings, training=True)
        probabilities = ops.stop_gradient(ops.exp(self._teacher_log_probs(inputs)))
        cross_entropy = -ops.sum(probabilities * ops.log_softmax(logits), axis=-1)  # (B, T)
        return (1.0 - share) * total + share * ops.sum(cross_entropy * weights)

    def _teacher_log_probs(self, inputs: Any) -> Any:
        """Return the log-probabilities of the mixture `(B, T, V)`, and carry the states of its members on."""
        members = []
        for model, carried, log_weight in zip(self.teachers, self.teacher_states, self._log_weights, strict=True):
            logits, state = model(inputs["tokens"], carried(inputs["reset"]))
            carried.assign(state)
            members.append(ops.log_softmax(logits) + log_weight)
        return members[0] if len(members) == 1 else ops.logsumexp(ops.stack(members), axis=0)
