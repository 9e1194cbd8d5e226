"""The language model: token ids and state in, logits and state out.

Shapes in the whole project: `B` batch, `T` time, `V` vocabulary, `E` embedding, `H` hidden units, and `N = B * T`
tokens of a flattened window. Token ids are int32 `(B, T)`.
"""

from collections.abc import Mapping
from typing import Any, override

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.model.architecture import Architecture, with_single_rates
from nextword.model.layers.dropout import EmbeddingDropout
from nextword.model.layers.initialization import Initialization
from nextword.model.layers.output_projection import OutputProjection, TokenBatch
from nextword.model.ops.cross_entropy import TokenLosses
from nextword.model.ops.precision import resolve_compute_dtype
from nextword.model.presets import read_preset
from nextword.model.recurrent_stack import RecurrentStack, StackOutputs, State
from nextword.system.framework import ComputeDtype


@keras.saving.register_keras_serializable("nextword")
class LanguageModel(keras.Model):
    """An LSTM language model over a closed vocabulary.

        token ids -> embedding -> LSTM, LSTM, ... -> projection -> logits of the next token
        (B, T)       (B, T, E)    (B, T, H)                        (B, T, V)

    The recurrent state is an argument and a result. Keras's `compile` and `fit` begin every window with the initial
    state; inputs and targets, one token ahead, are `(B, T)`. `nextword.train` carries the state from window to window:
    `nextword.training.step.stream_model.StreamModel` wraps this model.

    Args:
        architecture: Options and vocabulary size of the model.
        seed: Seed of the weights and of the dropout masks.
        compute_dtype: Precision of matrix products in training, `float32` or `bfloat16`; prediction is float32.

    Attributes:
        tokenizer_fingerprint: The fingerprint of the tokenizer that its ids belong to; empty before it is trained.

    Call arguments:
        tokens: Token ids `(B, T)`, int32.
        state: State before the first token; default: the initial state.
        training: Whether to apply dropout.

    Returns:
        The logits `(B, T, V)` of the token after each input token, and the state after the last input token.

    Example:
        >>> model = LanguageModel(Architecture(vocabulary_size=50, embedding_size=8, hidden_sizes=(16, 8)))
        >>> logits, state = model(np.zeros((2, 5), np.int32))
        >>> logits.shape, len(state), state[0].hidden.shape
        ((2, 5, 50), 2, (2, 16))
        >>> model.compile(optimizer="adam", metrics=["accuracy"])
        >>> tokens = np.tile(np.arange(6, dtype=np.int32), (8, 1))
        >>> history = model.fit(tokens[:, :-1], tokens[:, 1:], epochs=2, verbose=0)
        >>> sorted(history.history)
        ['accuracy', 'loss']
    """

    def __init__(
        self, architecture: Architecture, *, seed: int = 0, compute_dtype: str = "float32", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.architecture = architecture
        self.seed = seed
        self.tokenizer_fingerprint = ""
        self.product_dtype = compute_dtype
        initialization = Initialization(kind=architecture.initializer, scale=architecture.initializer_scale, seed=seed)
        self.embedding = keras.layers.Embedding(
            architecture.vocabulary_size,
            architecture.embedding_size,
            embeddings_initializer=initialization.embedding("embedding"),
            name="embedding",
        )
        self.embedding_dropout = EmbeddingDropout(
            architecture.vocabulary_size,
            architecture.embedding_dropout_rate,
            seed=initialization.dropout_seed("embedding"),
            name="embedding_dropout",
        )
        self.stack = RecurrentStack(
            architecture, initialization=initialization, compute_dtype=compute_dtype, name="stack"
        )
        self.projection = OutputProjection(
            architecture.vocabulary_size,
            tied=architecture.tied,
            initialization=initialization,
            compute_dtype=compute_dtype,
            name="projection",
        )
        self.build()

    @classmethod
    def from_preset(
        cls,
        name: str,
        *,
        vocabulary_size: int,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        compute_dtype: ComputeDtype = "auto",
    ) -> "LanguageModel":
        """Return an untrained model with the architecture of a preset.

        Args:
            name: Name of the preset.
            vocabulary_size: Number of tokens.
            settings: Fields of `Architecture` that override the preset, such as `{"hidden_sizes": (256, 256)}`.
            seed: Seed of the weights and of the dropout masks.
            compute_dtype: Precision of matrix products in training; `auto` picks the faster on this processor.

        Raises:
            SettingError: The preset or a field is unknown.

        Example:
            >>> sizes = {"embedding_size": 8, "hidden_sizes": (16, 8)}
            >>> LanguageModel.from_preset("quick", vocabulary_size=50, settings=sizes).architecture.num_parameters
            2850
        """
        own = with_single_rates(settings or {})
        table = {**read_preset(name)["model"], **own, "vocabulary_size": vocabulary_size}
        return cls(Architecture.from_table(table), seed=seed, compute_dtype=resolve_compute_dtype(compute_dtype))

    def build(self, _input_shape: Any = None) -> None:
        """Create all weights; their shapes depend only on the architecture."""
        self.embedding.build()
        self.stack.build((None, None, self.architecture.embedding_size))
        self.projection.build((None, None, self.architecture.hidden_sizes[-1]))
        self.built = True

    def initial_state(self, batch_size: int) -> State:
        """Return the state at the beginning of a text."""
        return self.stack.initial_state(batch_size)

    def call(self, tokens: Any, state: State | None = None, training: bool = False) -> tuple[Any, State]:
        """Return the logits of the token after each input token, and the last state."""
        hidden, state = self.hidden_states(tokens, state, training=training)
        return self.projection(hidden, self.tied_embeddings), state

    @override
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the mean cross-entropy of the targets `y` `(B, T)`, which `fit` minimizes."""
        losses = keras.losses.sparse_categorical_crossentropy(y, y_pred[0], from_logits=True)
        if sample_weight is None:
            return ops.mean(losses)
        weights = sample_weight if len(sample_weight.shape) > 1 else sample_weight[:, None]  # (B, T), or of rows (B,)
        weights = ops.broadcast_to(weights, ops.shape(losses))
        return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), keras.backend.epsilon())

    @override
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the metrics of `compile`, computed from the logits."""
        return super().compute_metrics(x, y, y_pred[0], sample_weight=sample_weight)

    def hidden_states(self, tokens: Any, state: State | None = None, training: bool = False) -> tuple[Any, State]:
        """Return the inputs of the projection `(B, T, H)`, and the last state."""
        outputs, state = self.stack_outputs(tokens, state, training=training)
        return outputs.hidden, state

    def stack_outputs(
        self, tokens: Any, state: State | None = None, training: bool = False
    ) -> tuple[StackOutputs, State]:
        """Return the output of the stack, with and without dropout, and the last state."""
        if state is None:
            state = self.initial_state(ops.shape(tokens)[0])
        embedded = self.embedding_dropout(self.embedding(tokens), tokens, training=training)
        return self.stack.outputs(embedded, state, training=training)

    def token_losses(self, hidden: Any, targets: Any, weights: Any, **options: Any) -> TokenLosses:
        """Return the loss of predicting `targets` `(B, T)` with `weights` `(B, T)` from `hidden` `(B, T, H)`.

        Training loss, perplexity and scores all use this method. Losses, hits and ranks are flat, `(B * T,)`. The
        `options` are other fields of `nextword.model.layers.output_projection.TokenBatch`, such as `training`
        and `ranks`.
        """
        batch = TokenBatch(
            ops.reshape(hidden, (-1, self.architecture.hidden_sizes[-1])),
            ops.reshape(targets, (-1,)),
            ops.reshape(weights, (-1,)),
            embeddings=self.tied_embeddings,
            **options,
        )
        return self.projection.losses_of(batch)

    @property
    def tied_embeddings(self) -> Any:
        """The embedding matrix if the projection shares it, otherwise `None`."""
        return self.embedding.embeddings if self.architecture.tied else None

    @property
    def is_new(self) -> bool:
        """Whether the embedding still has its initial values, as in a model that is not trained yet."""
        drawn = self.embedding.embeddings_initializer(self.embedding.embeddings.shape, dtype="float32")
        return bool(ops.all(ops.equal(drawn, self.embedding.embeddings)))

    def named_weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights, named as in `Architecture.weight_shapes`."""
        return {name: ops.convert_to_numpy(variable.value) for name, variable in self._named_variables().items()}

    def set_named_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set all weights, named as in `Architecture.weight_shapes`.

        Raises:
            SettingError: A name is missing or unknown, or a shape is wrong.
        """
        variables = self._named_variables()
        if weights.keys() != variables.keys():
            raise SettingError(
                f"the weights must be named {sorted(variables)}, but are named {sorted(weights)}; "
                "use the architecture that they were trained with"
            )
        for name, shape in self.architecture.weight_shapes().items():
            if weights[name].shape != shape:
                raise SettingError(f"weight `{name}` must have the shape {shape}, but has {weights[name].shape}")
        for name, variable in variables.items():
            variable.assign(weights[name])

    def _named_variables(self) -> dict[str, Any]:
        layers = [self.embedding, *self.stack.recurrent_layers, self.projection]
        return {f"{layer.name}/{variable.name}": variable for layer in layers for variable in layer.weights}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "architecture": self.architecture.to_table(),
            "seed": self.seed,
            "compute_dtype": self.product_dtype,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], _custom_objects: Any = None) -> "LanguageModel":
        """Create an untrained model from the result of `get_config`."""
        return cls(**{**config, "architecture": Architecture.from_table(config["architecture"])})
