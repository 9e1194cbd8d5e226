"""The engine that runs a Keras model."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import jax
import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.engine.engine import Rows, State, TokenScores, WindowPrediction
from nextword.model.language_model import LanguageModel
from nextword.system.cache import cache_root
from nextword.system.framework import use_compilation_cache
from nextword.text.batching.window import TokenIds

Weights = tuple[Any, ...]
"""An array for each trainable variable of a model, in their order."""


class KerasEngine:
    """Runs a `LanguageModel` in float32, compiled by JAX.

    The weights are read at every call, so the engine can follow a model in training.
    """

    compiles_each_shape = True
    """Whether each new window shape is compiled; use few shapes."""

    def __init__(self, model: LanguageModel, *, end_id: int) -> None:
        self.model = model
        self.end_id = end_id
        self._step = self._compiled(self._step_of)
        self._score = self._compiled(self._score_of)
        self._predict = self._compiled(self._predict_of)

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Return an engine for the model of a bundle, with JAX's compilation cache on disk."""
        use_compilation_cache(cache_root())
        model = LanguageModel(bundle.architecture)
        model.set_named_weights(bundle.weights)
        model.tokenizer_fingerprint = bundle.tokenizer.fingerprint
        return cls(model, end_id=bundle.tokenizer.vocabulary.end_id)

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens `V`."""
        return self.model.architecture.vocabulary_size

    def start(self, batch_size: int) -> State:
        """Return the state at the beginning of a text."""
        return self.model.initial_state(batch_size)

    def select(self, state: State, rows: Rows) -> State:
        """Select rows of a state."""
        return keras.tree.map_structure(lambda array: ops.take(array, rows, axis=0), state)

    def join(self, states: Sequence[State]) -> State:
        """Join states."""
        return keras.tree.map_structure(lambda *arrays: ops.concatenate(arrays, axis=0), *states)

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        """Read one token of each text."""
        log_probs, state = self._step(np.asarray(ids, np.int32)[:, None], state)
        return ops.convert_to_numpy(log_probs), state

    def score_window(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool = True
    ) -> tuple[TokenScores, State]:
        """Score a window. The compiled program always finds the ranks."""
        log_probs, found, state = self._score(np.asarray(inputs, np.int32), np.asarray(targets, np.int32), state)
        shown = ops.convert_to_numpy(found) if ranks else np.zeros(inputs.shape, np.int32)
        return TokenScores(ops.convert_to_numpy(log_probs), shown), state

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Return full distributions."""
        log_probs, hidden, state = self._predict(np.asarray(inputs, np.int32), state)
        return WindowPrediction(*map(ops.convert_to_numpy, (log_probs, hidden))), state

    def _step_of(self, tokens: Any, state: State) -> tuple[Any, State]:
        logits, state = self.model(tokens, state)
        return ops.log_softmax(logits[:, 0]), state

    def _score_of(self, inputs: Any, targets: Any, state: State) -> tuple[Any, Any, State]:
        hidden, state = self.model.hidden_states(inputs, state)
        losses = self.model.token_losses(hidden, targets, ops.ones(ops.shape(targets)), ranks=True)
        shape = ops.shape(targets)
        log_probs = -ops.reshape(losses.negative_log_likelihood, shape)
        return log_probs, ops.reshape(losses.rank, shape), state

    def _predict_of(self, inputs: Any, state: State) -> tuple[Any, Any, State]:
        hidden, state = self.model.hidden_states(inputs, state)
        return ops.log_softmax(self.model.projection(hidden, self.model.tied_embeddings)), hidden, state

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` compiled by JAX with the weights as arguments."""
        variables = self.model.variables

        def stateless(values: list[Any], *arguments: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*arguments)

        compiled = jax.jit(stateless)
        return lambda *arguments: compiled([variable.value for variable in variables], *arguments)


def trainable_weights(model: LanguageModel) -> Weights:
    """Return the trainable weights of a model."""
    return tuple(variable.value for variable in model.trainable_variables)


def with_weights(model: LanguageModel, weights: Weights) -> Any:
    """Return a scope in which the model computes with `weights` instead of its own."""
    return keras.StatelessScope(state_mapping=list(zip(model.trainable_variables, weights, strict=True)))
