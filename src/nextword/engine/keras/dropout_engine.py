r"""Monte-Carlo dropout: the mean of a model's predictions under many dropout masks.

Training with dropout defines a distribution over weights. The prediction is the mean over this distribution, estimated
from `S` samples of all masks. Without dropout, the model predicts once with the mean weights.

    arithmetic   p(w) = mean over s of p_s(w)
    geometric    p(w) proportional to exp(mean over s of ln p_s(w))

Source:
    Gal and Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks"; the two
    means: Melis, Blundell, Kocisky, Hermann, Dyer and Blunsom (2018), "Pushing the bounds of dropout".
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, override

import jax
import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Rows, State, WindowPrediction
from nextword.engine.keras.keras_engine import KerasEngine, Weights, trainable_weights
from nextword.errors import SettingError
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds

if TYPE_CHECKING:
    from nextword.engine.methods.dropout import DropoutOptions

_BLOCK = 32  # number of tokens whose masks are drawn together


class DropoutState(NamedTuple):
    """The state after part of a text."""

    before: State  # the recurrent state at the beginning of the current block, by samples `(S, B, ...)`
    inputs: NDArray[np.int32]  # the inputs of the current block so far `(B, n)`, int32
    block: int  # index of the block in the text


class DropoutEngine(DistributionEngine):
    """Averages the predictions of a Keras model over random dropout masks.

    Masks for single steps are redrawn throughout a text. Masks that training keeps for a window (locked dropout, and
    the dropout of words, weights and states) are kept for the whole text. The masks depend only on the seed and the
    position in the text. All rows share them, so batching and windows do not change the result.

    The hidden states are the means over the samples.

    Raises:
        SettingError: The model has no dropout.
    """

    def __init__(self, engine: KerasEngine, options: "DropoutOptions") -> None:
        _require_dropout(engine.model)
        super().__init__(vocabulary_size=engine.vocabulary_size, end_id=engine.end_id, compiles_each_shape=True)
        self.model = engine.model
        self.options = options
        self._moving, self._kept = _seeds(engine.model)
        self._predict = jax.jit(self._predict_of)

    def start(self, batch_size: int) -> State:
        """Return the state at the beginning of a text, for each sample."""
        state = keras.tree.map_structure(
            lambda array: ops.broadcast_to(array, (self.options.dropout_num_samples, *array.shape)),
            self.model.initial_state(batch_size),
        )
        return DropoutState(state, np.zeros((batch_size, 0), np.int32), 0)

    @override
    def select(self, state: State, rows: Rows) -> State:
        """Select rows of a state. All rows still share their masks."""
        before = keras.tree.map_structure(lambda array: ops.take(array, rows, axis=1), state.before)
        return state._replace(before=before, inputs=state.inputs[rows])

    @override
    def join(self, states: Sequence[State]) -> State:
        """Join states of texts that are equally long, because all rows share their masks."""
        if len({(state.block, state.inputs.shape[1]) for state in states}) > 1:
            raise ValueError("texts of different lengths have different masks, so they cannot share a step")
        before = keras.tree.map_structure(
            lambda *arrays: ops.concatenate(arrays, axis=1), *(state.before for state in states)
        )
        return states[0]._replace(before=before, inputs=np.concatenate([state.inputs for state in states]))

    @override
    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Return full distributions, computed block by block."""
        inputs, parts = np.asarray(inputs, np.int32), []
        while inputs.shape[1]:
            before, read, block = state
            first = read.shape[1]
            ids, inputs = np.split(np.concatenate((read, inputs), axis=1), [_BLOCK], axis=1)
            padded = np.pad(ids, ((0, 0), (0, _BLOCK - ids.shape[1])))
            prediction, after = self._predict(trainable_weights(self.model), padded, before, block)
            parts.append([np.asarray(array)[:, first : ids.shape[1]] for array in prediction])
            complete = ids.shape[1] == _BLOCK
            state = DropoutState(after, ids[:, :0], block + 1) if complete else DropoutState(before, ids, block)
        log_probs, hidden = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        return WindowPrediction(log_probs, hidden), state

    def _predict_of(self, weights: Weights, inputs: Any, state: State, block: Any) -> tuple[tuple[Any, Any], State]:
        """Return the mean distributions `(B, T, V)` and hidden states of a block, and the states after it."""
        keys = jax.vmap(partial(self._keys, block=block))(np.arange(self.options.dropout_num_samples))
        over_rows = jax.vmap(partial(self._hidden, weights), in_axes=(None, 0, 0))
        hidden, after = jax.vmap(over_rows, in_axes=(0, None, 0))(keys, inputs, state)  # (S, B, T, H)
        project = jax.vmap(partial(self._log_probs, weights), in_axes=(None, 0))
        arithmetic = self.options.dropout_mean == "arithmetic"

        def add(total: Any, sample: Any) -> tuple[Any, None]:
            log_probs = project(*sample)
            return ops.logaddexp(total, log_probs) if arithmetic else total + log_probs, None

        start = ops.full((*inputs.shape, self.vocabulary_size), -np.inf if arithmetic else 0.0)
        total, _ = jax.lax.scan(add, start, (keys, hidden))
        log_probs = total if arithmetic else total / self.options.dropout_num_samples
        return (ops.log_softmax(log_probs), ops.mean(hidden, axis=0)), after

    def _keys(self, sample: Any, block: Any) -> Any:
        """Return the states of all seed generators `(G, 2)` for a block of a sample."""
        num_moving, count = len(self._moving), len(self._moving) + len(self._kept)
        seed = jax.random.key(self.options.dropout_seed, impl="threefry2x32")  # the format of Keras's generators

        def key(index: Any) -> Any:
            place = ops.where(index < num_moving, block + 1, 0)
            of_sample = jax.random.fold_in(jax.random.fold_in(seed, index), sample)
            return jax.random.key_data(jax.random.fold_in(of_sample, place))

        return jax.vmap(key)(np.arange(count))

    def _hidden(self, weights: Weights, keys: Any, inputs: Any, state: State) -> tuple[Any, State]:
        """Return the hidden states `(T, H)` of one row under the masks of `keys`, and its last state."""
        with self._scope(weights, keys):
            one_row = keras.tree.map_structure(lambda array: array[None], state)
            hidden, after = self.model.hidden_states(inputs[None], one_row, training=True)
        return hidden[0], keras.tree.map_structure(lambda array: array[0], after)

    def _log_probs(self, weights: Weights, keys: Any, hidden: Any) -> Any:
        """Return the log-probabilities `(T, V)` for the hidden states of one row."""
        with self._scope(weights, keys):
            logits = self.model.projection(hidden[None], self.model.tied_embeddings, training=True)
        return ops.log_softmax(logits[0])

    def _scope(self, weights: Weights, keys: Any) -> Any:
        variables = [*self.model.trainable_variables, *self._moving, *self._kept]
        return keras.StatelessScope(state_mapping=list(zip(variables, (*weights, *keys), strict=True)))


def _seeds(model: LanguageModel) -> tuple[list[Any], list[Any]]:
    """Return the states of the seed generators: those that change within a text, and those that are kept."""
    dropouts = [*model.stack.dropouts]
    if model.projection.dropout is not None:
        dropouts.append(model.projection.dropout)
    steps = [] if model.architecture.locked_dropout else dropouts
    moving = [layer.seed_generator.state for layer in steps if layer.rate]
    weights = {id(variable) for variable in (*model.weights, *moving)}
    return moving, [variable for variable in model.variables if id(variable) not in weights]


def _require_dropout(model: LanguageModel) -> None:
    table = model.architecture.to_table()
    rates = {name: rate for name, rate in table.items() if name.endswith(("dropout_rate", "drop_rate"))}
    if not any(rates.values()):
        raise SettingError(
            f"Monte-Carlo dropout needs a model trained with dropout, but these rates are all 0: {', '.join(rates)}; "
            "leave the method out"
        )
