r"""Dynamic evaluation: the weights continue to learn from the text, and decay back to the trained weights.

A text is read in segments. Each segment is scored first. Then the weights $W$ take a step along the gradient $g$ of its
mean loss, and a step back to the trained weights $W_0$. The step of each weight depends on the root mean square of its
gradient over the training text, where $g_b$ is the gradient of the mean loss of batch $b$:

$$\text{RMS} = \sqrt{\operatorname{mean}_b g_b^2}, \qquad
W \leftarrow W + \min\Bigl(\lambda \frac{\text{RMS}}{\operatorname{mean}(\text{RMS})}, 1\Bigr) \odot (W_0 - W)
- \eta \frac{g}{\text{RMS} + \epsilon}$$

$\eta$ is the learning rate and $\lambda$ the decay. The mean of RMS is taken over the elements of each tensor and then
over the tensors, as in the authors' program. So published settings stay valid.

Source:
    Krause, Kahembwe, Murray and Renals (2018), "Dynamic Evaluation of Neural Sequence Models", sections 4 and 5.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, override

import jax
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Rows, State, WindowPrediction
from nextword.engine.keras_engine import KerasEngine, Weights, trainable_weights, with_weights
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Streams, TokenIds

if TYPE_CHECKING:
    from nextword.engine.dynamic import DynamicOptions

_EPSILON = 2e-5  # damps the steps of weights with small gradients
_NO_IDS = np.zeros(0, np.int32)


def root_mean_square_gradients(
    model: LanguageModel,
    ids: TokenIds,
    *,
    end_id: int,
    batch_size: int = 100,
    num_steps: int = 20,
    max_tokens: int | None = None,
) -> Weights:
    r"""Return the root mean square of each weight's gradient over a training text, read once without dropout.

    With the gradient $g_b$ of the mean loss of batch $b$,

    $$\text{RMS} = \sqrt{\operatorname{mean}_b g_b^2}.$$

    Args:
        model: The model; its weights are not changed.
        ids: The tokens of the text `(N,)`.
        end_id: The id of `<eos>`.
        batch_size: Number of parallel streams; fewer if the text is short. More streams give smaller gradients and
            therefore larger steps at the same learning rate.
        num_steps: Tokens per stream in a batch; use the segment length.
        max_tokens: About the maximum number of tokens to read, from the beginning of each stream (default: all).

    Returns:
        RMS, an array for each trainable variable of the model, in their order.
    """
    batch_size = max(1, min(batch_size, len(ids) // num_steps))
    streams = Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=end_id)
    num_batches = streams.steps_per_epoch
    if max_tokens is not None:
        num_batches = max(1, min(num_batches, max_tokens // (batch_size * num_steps)))
    add, weights, state = _adder(model), trainable_weights(model), model.initial_state(batch_size)
    sums = tuple(ops.zeros_like(array) for array in weights)
    for index in range(num_batches):
        window = streams.window(index)
        sums, state = add(sums, weights, state, window.inputs, window.targets, window.weights)
    return tuple(ops.sqrt(total / num_batches) for total in sums)


def _adder(model: LanguageModel) -> Callable[..., tuple[Weights, State]]:
    """Return a compiled function that adds the squared gradients of a batch to sums, in place."""

    def loss_of(weights: Weights, state: State, inputs: Any, targets: Any, counted: Any) -> tuple[Any, State]:
        with with_weights(model, weights):
            hidden, after = model.hidden_states(inputs, state)
            total = model.token_losses(hidden, targets, counted).total
        return total / ops.maximum(ops.sum(counted), 1.0), after

    def add(sums: Weights, weights: Weights, state: State, *batch: Any) -> tuple[Weights, State]:
        gradients, after = jax.grad(loss_of, has_aux=True)(weights, state, *batch)
        return tuple(total + g * g for total, g in zip(sums, gradients, strict=True)), after

    compiled: Callable[..., tuple[Weights, State]] = jax.jit(add, donate_argnums=0)
    return compiled


class DynamicState(NamedTuple):
    """The state after part of a text."""

    weights: Weights  # the current weights
    before: State  # the recurrent state at the beginning of the current segment
    after: State  # the recurrent state after the last input
    inputs: NDArray[np.int32]  # of the current segment so far, int32; a full segment waits for the next token


class DynamicEngine(DistributionEngine):
    """Runs a Keras model with weights that adapt to the text; the model's own weights are not changed.

    The weights are part of the state, one set for each row of a batch. So the same state always gives the same result,
    and the score of a text does not depend on the other texts in the batch. The weights change only after a full
    segment, when the token after it is known. So no token influences its own probability, and windows do not change the
    result.

    A segment is short, so all its logits fit in memory; the chunked loss would take ten times as long.
    """

    def __init__(self, engine: KerasEngine, root_mean_squares: Weights, options: "DynamicOptions") -> None:
        super().__init__(vocabulary_size=engine.vocabulary_size, end_id=engine.end_id, compiles_each_shape=True)
        self.model = engine.model
        self.options = options
        mean = float(np.mean([float(ops.mean(array)) for array in root_mean_squares]))
        rates = (options.dynamic_learning_rate, options.dynamic_decay / mean, _EPSILON)
        # Arguments of the compiled functions, so other settings need no new compilation.
        self._statistics = root_mean_squares, rates
        self._predict = jax.jit(self._predict_of)
        self._learn = jax.jit(self._learn_of, donate_argnums=0)

    def start(self, batch_size: int) -> State:
        """Return the state at the beginning of a text: each row has the trained weights."""
        recurrent = self.model.initial_state(1)
        return (DynamicState(trainable_weights(self.model), recurrent, recurrent, _NO_IDS),) * batch_size

    @override
    def select(self, state: State, rows: Rows) -> State:
        """Select rows of a state, each with its own weights."""
        return tuple(state[row] for row in rows)

    @override
    def join(self, states: Sequence[State]) -> State:
        """Join states, each row with its own weights."""
        return tuple(row for state in states for row in state)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Return full distributions, and learn from the segments that end before the last input."""
        rows = [self._predict_row(*row) for row in zip(np.asarray(inputs, np.int32), state, strict=True)]
        log_probs, hidden, states = zip(*rows, strict=True)
        return WindowPrediction(np.stack(log_probs), np.stack(hidden)), states

    def _predict_row(self, inputs: NDArray[np.int32], state: DynamicState) -> tuple[Any, Any, DynamicState]:
        length, parts, trained = self.options.dynamic_segment_length, [], trainable_weights(self.model)
        # `_learn` overwrites the weights, so the caller's must be copied.
        if len(state.inputs) + len(inputs) > length:
            state = state._replace(weights=tuple(ops.copy(array) for array in state.weights))
        while len(inputs):
            ids, missing = np.concatenate((state.inputs, inputs)), length - len(state.inputs)
            if len(inputs) > missing:
                segment, following = ids[None, :length], ids[None, 1 : length + 1]
                weights, prediction, after = self._learn(
                    state.weights, trained, self._statistics, segment, following, state.before
                )
                parts.append([np.asarray(array[0])[length - missing :] for array in prediction])
                state, inputs = DynamicState(weights, after, after, _NO_IDS), inputs[missing:]
            else:
                prediction, after = self._predict(state.weights, inputs[None], state.after)
                parts.append([np.asarray(array[0]) for array in prediction])
                state, inputs = state._replace(after=after, inputs=ids), _NO_IDS
        log_probs, hidden = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return log_probs, hidden, state

    def _predict_of(self, weights: Weights, inputs: Any, state: State) -> tuple[tuple[Any, Any], State]:
        with with_weights(self.model, weights):
            hidden, state = self.model.hidden_states(inputs, state)
            logits = self.model.projection(hidden, self.model.tied_embeddings)
        return (ops.log_softmax(logits), hidden), state

    def _learn_of(
        self, weights: Weights, trained: Weights, statistics: Any, inputs: Any, targets: Any, state: State
    ) -> tuple[Weights, tuple[Any, Any], State]:
        """Return the updated weights, the predictions of the weights before the update, and the recurrent state."""

        def loss_of(weights: Weights) -> tuple[Any, Any]:
            prediction, after = self._predict_of(weights, inputs, state)
            return -ops.mean(ops.take_along_axis(prediction[0], targets[..., None], axis=-1)), (prediction, after)

        gradients, (prediction, after) = jax.grad(loss_of, has_aux=True)(weights)
        root_mean_squares, (learning_rate, decay, epsilon) = statistics
        moved = []
        for now, origin, g, rms in zip(weights, trained, gradients, root_mean_squares, strict=True):
            pull = ops.minimum(decay * rms, 1.0)
            moved.append(now + pull * (origin - now) - learning_rate * g / (rms + epsilon))
        return tuple(moved), prediction, after
