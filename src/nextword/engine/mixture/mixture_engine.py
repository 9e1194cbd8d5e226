"""An engine whose probabilities are mixed with those of other predictors: the model as people use it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, override

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.mixture import Gate, Mixture
from nextword.engine.distribution_engine import OuterEngine, even_pieces, token_scores
from nextword.engine.engine import Engine, Rows, State, TokenScores, WindowPrediction, score_in_pieces
from nextword.engine.mixture.cache import CachePart
from nextword.engine.mixture.gates import gated, shifts_of
from nextword.engine.mixture.interpolated_model import ABSENT, Integers, InterpolatedModel
from nextword.engine.mixture.pruning import unpacked
from nextword.errors import SettingError
from nextword.text.batching.window import TokenIds

Floats = NDArray[np.float32]

_PIECE = 2_000_000  # probabilities of a piece of a window: 8 MB, small enough for the processor's cache

_TARGETS = 256
"""Steps of which the targets are mixed at once: with more, a long text would compare too many hidden states at once."""

_LEAST = np.finfo(np.float32).tiny
"""The probability of what cannot be told from zero, so that its logarithm is a number."""


class Part(Protocol):
    """What is mixed with an engine. Its state is an argument and a result, as in an engine."""

    numbers_per_token: int  # how many numbers it takes for a token of a window, besides the distribution

    def start(self, batch_size: int) -> Any:
        """Return the state before a text."""

    def select(self, state: Any, rows: Rows) -> Any:
        """Return the state of some of the texts."""

    def join(self, states: Sequence[Any]) -> Any:
        """Return the state with the texts of all states."""

    def mix(
        self, probabilities: Floats, inputs: TokenIds, hidden: Floats | None, state: Any, targets: TokenIds | None, /
    ) -> Any:
        """Mix the part into probabilities, in place.

        Args:
            probabilities: The probability of each next token after each input `(B, T, V)`, or of its target `(B, T)`.
            inputs: The tokens that are read `(B, T)`.
            hidden: The hidden state after each `(B, T, H)`.
            state: The state before the first input.
            targets: The token after each input `(B, T)`; `None` for all next tokens.

        Returns:
            The state after the last input.
        """


class NgramPart:
    r"""An n-gram model as a part of a mixture: $(1 - \lambda) \, p_\text{engine} + \lambda \, p_\text{n-gram}$.

    With a gate $(g, b)$, $\operatorname{logit} \lambda$ is higher by $g^\top h + b$ after a hidden state $h$.

    A state is the numbers of the n-grams that end with the latest token, of each length up to `order - 1`
    `(B, order - 1)`, never changed in place.
    """

    numbers_per_token = 0

    def __init__(self, model: InterpolatedModel, weight: float, gate: Gate = ()) -> None:
        self.model = model
        self.weight = weight
        self._gate = np.array(gate, np.float32)
        self._singles = model.singles.astype(np.float32)
        self._levels = [
            (begins.tolist(), sizes.tolist(), tokens, shares.astype(np.float32), left_over)
            for _, tokens, shares, left_over, begins, sizes in model.levels[::-1]
        ]

    def start(self, batch_size: int) -> Integers:
        """Return the state before a text."""
        return np.full((batch_size, self.model.order - 1), ABSENT)

    def select(self, state: Integers, rows: Rows) -> Integers:
        """Return the state of some of the texts."""
        return state[rows]

    def join(self, states: Sequence[Integers]) -> Integers:
        """Return the state with the texts of all states."""
        return np.concatenate(states)

    def mix(
        self,
        probabilities: Floats,
        inputs: TokenIds,
        hidden: Floats | None,
        state: Integers,
        targets: TokenIds | None,
    ) -> Integers:
        """Mix the n-gram model into the probabilities after `inputs`, in place; see `Part.mix`."""
        contexts, weights = self._contexts(inputs, state), self._weights(inputs, hidden)
        if targets is None:
            probabilities *= (1 - weights).astype(np.float32)[..., None]
            rows = probabilities.reshape(-1, probabilities.shape[-1])
            numbers = contexts[::-1].reshape(len(contexts), len(rows)).T.tolist()
            for row, weight, longest_first in zip(rows, weights.ravel().tolist(), numbers, strict=True):
                self._add(row, weight, longest_first)
        else:
            probabilities *= (1 - weights).astype(np.float32)
            own = self.model.probabilities_after(contexts, targets)
            probabilities += (weights * own).astype(np.float32)
        return contexts[..., -1].T

    def _weights(self, inputs: TokenIds, hidden: Floats | None) -> NDArray[np.float64]:
        if not len(self._gate):
            return np.full(inputs.shape, self.weight)
        if hidden is None:
            raise SettingError("a gate needs an engine with hidden states, but this one has none; leave it out")
        return gated(self.weight, shifts_of(self._gate, hidden))

    def _contexts(self, inputs: TokenIds, state: Integers) -> Integers:
        """Return the numbers of the n-grams that end with each input `(order - 1, B, T)`, the shortest first."""
        contexts = np.empty((state.shape[1], len(inputs), 1 + inputs.shape[1]), np.int64)  # from the state on
        contexts[..., 0] = state.T
        contexts[:1, :, 1:] = inputs
        for level, shorter, longer in zip(self.model.levels, contexts[:, :, :-1], contexts[1:, :, 1:], strict=False):
            longer[:] = level.table.numbers(shorter, inputs)
        return contexts[..., 1:]

    def _add(self, row: Floats, scale: float, numbers: list[int]) -> None:
        """Add the probabilities after one context, scaled, to a row `(V,)`; its numbers are given the longest first."""
        for (begins, sizes, tokens, shares, left_over), number in zip(self._levels, numbers, strict=True):
            if number == ABSENT or not sizes[number]:
                continue
            span = slice(begins[number], begins[number] + sizes[number])
            row[tokens[span]] += np.float32(scale) * shares[span]
            scale *= left_over[number]
        row += np.float32(scale) * self._singles


class MixtureState(NamedTuple):
    """The state of the network, and of each part."""

    network: State
    parts: tuple[Any, ...]


class MixtureEngine(OuterEngine):
    """Mixes the probabilities of a network with other predictors, one after the other.

    Raises:
        SettingError: An n-gram model has another vocabulary.
    """

    def __init__(self, engine: Engine, parts: Sequence[Part]) -> None:
        super().__init__(engine)
        self.network: Engine = engine
        self.parts: tuple[Part, ...] = tuple(parts)
        if isinstance(engine, MixtureEngine):
            self.network, self.parts = engine.network, (*engine.parts, *parts)
        for part in parts:
            if isinstance(part, NgramPart) and part.model.vocabulary_size != engine.vocabulary_size:
                raise SettingError(
                    f"the n-gram model must have the {engine.vocabulary_size} tokens of the engine, but has "
                    f"{part.model.vocabulary_size}; fit it to ids of the model's own tokenizer"
                )

    @override
    def start(self, batch_size: int) -> State:
        return MixtureState(self.network.start(batch_size), tuple(part.start(batch_size) for part in self.parts))

    @override
    def select(self, state: Any, rows: Rows) -> State:
        parts = tuple(part.select(own, rows) for part, own in zip(self.parts, state.parts, strict=True))
        return MixtureState(self.network.select(state.network, rows), parts)

    @override
    def join(self, states: Sequence[Any]) -> State:
        own = zip(*(state.parts for state in states), strict=True)
        parts = tuple(part.join(of_texts) for part, of_texts in zip(self.parts, own, strict=True))
        return MixtureState(self.network.join([state.network for state in states]), parts)

    @override
    def predict_window(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, State]:
        prediction, probabilities, after = self._mixed(inputs, state)
        return prediction._replace(log_probs=_log(probabilities)), after

    @override
    def pieces(self, batch_size: int, num_steps: int) -> list[slice]:
        numbers = self.vocabulary_size + sum(part.numbers_per_token for part in self.parts)
        return even_pieces(num_steps, batch_size * numbers, _PIECE)

    @override
    def score_window(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool = True
    ) -> tuple[TokenScores, State]:
        """Score a window; without ranks, only the probabilities of the targets are mixed."""
        if ranks:
            return super().score_window(inputs, targets, state)
        pieces = even_pieces(inputs.shape[1], 1, _TARGETS)
        return score_in_pieces(self._score_targets, inputs, targets, state, pieces)

    @override
    def _score_piece(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool
    ) -> tuple[TokenScores, State]:
        _, probabilities, after = self._mixed(inputs, state)
        scores = token_scores(probabilities, targets, ranks=ranks)  # the logarithm does not change a rank
        return scores._replace(log_probs=_log(scores.log_probs)), after

    def _score_targets(self, inputs: TokenIds, targets: TokenIds, state: Any) -> tuple[TokenScores, State]:
        """Let the network score in pieces, since its distributions are large, and mix the targets of all at once."""
        network, scored, hidden = state.network, list[Floats](), list[Floats]()
        for piece in even_pieces(inputs.shape[1], len(inputs) * self.vocabulary_size, _PIECE):
            prediction, network = self.network.predict_window(inputs[:, piece], network)
            scored.append(token_scores(prediction.log_probs, targets[:, piece], ranks=False).log_probs)
            hidden += [] if prediction.hidden is None else [prediction.hidden]
        probabilities = np.exp(np.concatenate(scored, axis=1))
        joined = np.concatenate(hidden, axis=1) if hidden else None
        parts = self._mix_parts(probabilities, inputs, joined, state, targets)
        return TokenScores(_log(probabilities), np.zeros(targets.shape, np.int32)), MixtureState(network, parts)

    def _mixed(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, Floats, State]:
        """Return the prediction of the network, the mixed probabilities `(B, T, V)`, and the state."""
        prediction, network = self.network.predict_window(inputs, state.network)
        probabilities = np.exp(prediction.log_probs)
        parts = self._mix_parts(probabilities, inputs, prediction.hidden, state)
        return prediction, probabilities, MixtureState(network, parts)

    def _mix_parts(
        self,
        probabilities: Floats,
        inputs: TokenIds,
        hidden: Floats | None,
        state: Any,
        targets: TokenIds | None = None,
    ) -> tuple[Any, ...]:
        """Mix all parts into the probabilities, in place, and return their states; see `Part.mix`."""
        return tuple(
            part.mix(probabilities, inputs, hidden, own, targets)
            for part, own in zip(self.parts, state.parts, strict=True)
        )


def _log(probabilities: Floats) -> Floats:
    np.maximum(probabilities, _LEAST, out=probabilities)
    return np.log(probabilities, out=probabilities)


def parts_of(mixture: Mixture) -> list[Part]:
    """Return the parts that a bundle holds."""
    settings, parts = mixture.settings, list[Part]()
    if mixture.ngrams is not None and settings.ngram_weight:
        parts.append(NgramPart(unpacked(mixture.ngrams), settings.ngram_weight, mixture.gates.ngram))
    if settings.cache_weight:
        parts.append(CachePart(settings, mixture.gates.cache))
    return parts
