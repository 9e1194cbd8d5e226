"""The network and the recipe of nextword's `auto` in PyTorch, as far as `nn.LSTM` has them.

    dropout(embedding W) -> LSTM 2 W, dropout, LSTM W -> dropout -> softmax over all words, shared with the embedding

Rows of tokens with carried state, each epoch from another place in the text; fused Adam with a rate of its own for the
embedding, a warm-up, and a line down to zero at the end of the time; clipped gradients, a penalty on the last layer's
output; bfloat16 by autocast, or float32. With a `start` from "counts" it begins at word vectors and log-frequencies.
What it lacks: candidates for the softmax, an input that modulates the hidden state, weight drop, and a mixture.
`Recipe` has what `auto` chooses for three to four epochs of the Penn Treebank; `auto`'s formulas tell what suits more.
"""

import math
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pytorch import PyTorchModel, State, require_bfloat16
from quality_protocol import Ids, Outcome, Say, Task, compete, shifted

_VALIDATION_ROWS = 32
_EXACT_STEPS = 1000
_EMBEDDING_DEVIATION = 0.5 / math.sqrt(3.0)
"""Standard deviation of nextword's first weights, which are uniform between -0.5 and 0.5."""


@dataclass(frozen=True)
class Recipe:
    """Size, dropout and schedule."""

    width: int = 256
    input_dropout_rate: float = 0.03
    hidden_dropout_rate: float = 0.03
    output_dropout_rate: float = 0.04
    batch_size: int = 32
    num_steps: int = 35
    learning_rate: float = 0.006
    embedding_rate_ratio: float = 4.0
    warmup_part: float = 0.05
    clip_norm: float = 1.0
    weight_decay: float = 3e-6
    activation_regularization: float = 1.0
    validations: int = 4
    start: str = "random"
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        if self.start not in ("random", "counts"):
            raise ValueError(f'`start` must be "random" or "counts", but is {self.start!r}')
        if not 0 < self.warmup_part < 1:
            raise ValueError(f"`warmup_part` must be between 0 and 1, but is {self.warmup_part}")


class Training:
    """The model, its optimizer, and the time."""

    def __init__(self, task: Task, recipe: Recipe, say: Say) -> None:
        self.task, self.recipe, self.clock, self._say = task, recipe, task.start_clock(), say
        torch.manual_seed(task.seed)
        self.model = make_model(task.vocabulary_size, recipe)
        if recipe.start == "counts":
            start_from(self.model, task.vectors(), task.split("train"))
        embedding = self.model.embedding.weight
        others = [parameter for parameter in self.model.parameters() if parameter is not embedding]
        groups = [{"params": [embedding], "ratio": recipe.embedding_rate_ratio}, {"params": others, "ratio": 1.0}]
        # The epsilon of Keras.
        self._optimizer = torch.optim.Adam(groups, eps=1e-7, weight_decay=recipe.weight_decay, fused=True)
        self._valid = task.split("valid")
        self.tokens = 0

    def run(self) -> None:
        """Train until the time is over."""
        validations = 1
        state = self.model.initial_state(self.recipe.batch_size, "cpu")
        for window, is_first in windows(self.task.split("train"), self.recipe, self.task.seed):
            if is_first:
                state = self.model.initial_state(self.recipe.batch_size, "cpu")
            state = self._step(window, state)
            if self.clock.part >= validations / self.recipe.validations:
                self._validate()
                validations += 1
            if self.clock.over:
                break

    def _step(self, window: Tensor, state: State) -> State:
        recipe = self.recipe
        rate = learning_rate(recipe, self.clock.part)
        for group in self._optimizer.param_groups:
            group["lr"] = group["ratio"] * rate
        with self._precision():
            hidden, state = self.model.hidden(window[:, :-1], state)
            logits = self.model.projection(hidden)
            loss = functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
            loss = loss + recipe.activation_regularization * hidden.float().square().mean()
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self._optimizer.step()
        self.tokens += window[:, 1:].numel()
        return state

    def _validate(self) -> None:
        rows = in_rows(self._valid, _VALIDATION_ROWS)
        with self._precision():
            total = total_loss(self.model, rows[:, :-1], rows[:, 1:], self.recipe.num_steps)
        perplexity = math.exp(total / rows[:, 1:].numel())
        self._say({"seconds": self.clock.seconds, "tokens": self.tokens, "valid_perplexity": perplexity})

    def _precision(self) -> torch.autocast:
        dtype = getattr(torch, self.recipe.compute_dtype)
        return torch.autocast("cpu", dtype, enabled=dtype != torch.float32)


def learning_rate(recipe: Recipe, part: float) -> float:
    """Return the rate after this part of the time, which rises to its peak and falls to zero, both on a line."""
    return recipe.learning_rate * min(part / recipe.warmup_part, (1 - part) / (1 - recipe.warmup_part))


def make_model(vocabulary_size: int, recipe: Recipe) -> PyTorchModel:
    """Return the network with PyTorch's first weights of the layers, and nextword's embedding and biases."""
    rates = {name: value for name, value in asdict(recipe).items() if name.endswith("dropout_rate")}
    sizes = {"embedding_size": recipe.width, "hidden_sizes": [2 * recipe.width, recipe.width]}
    model = PyTorchModel({"vocabulary_size": vocabulary_size, "tied": True, **sizes, **rates})
    with torch.no_grad():
        model.embedding.weight.mul_(_EMBEDDING_DEVIATION)
        model.projection.bias.zero_()
        for lstm in model.lstms:
            lstm.bias_ih_l0.chunk(4)[1].fill_(1.0)
            lstm.bias_hh_l0.zero_()
    return model


def start_from(model: PyTorchModel, vectors: NDArray[np.float32], ids: Ids) -> None:
    """Start at word vectors `(V, W)` of length `sqrt(W)`, scaled as nextword scales them, and at log-frequencies."""
    known = torch.from_numpy(vectors.any(axis=1))
    counts = torch.from_numpy(np.bincount(ids, minlength=len(vectors))) + 0.5
    with torch.no_grad():
        model.embedding.weight[known] = _EMBEDDING_DEVIATION * torch.from_numpy(vectors)[known]
        model.projection.bias.copy_(torch.log(counts / counts.sum()))


def windows(ids: Ids, recipe: Recipe, seed: int) -> Iterator[tuple[Tensor, bool]]:
    """Yield windows `(B, T + 1)` for ever, and whether an epoch begins; each begins at another place in the text."""
    least = recipe.batch_size * (recipe.num_steps + 1)
    if len(ids) < least:
        raise ValueError(f"the training text must have {least} tokens for one window, but has {len(ids)}")
    random = np.random.default_rng(seed)
    while True:
        rows = in_rows(np.roll(ids, -random.integers(len(ids))), recipe.batch_size)
        for start in range(0, rows.shape[1] - recipe.num_steps, recipe.num_steps):
            yield rows[:, start : start + recipe.num_steps + 1], start == 0


def in_rows(ids: Ids, batch_size: int) -> Tensor:
    """Return the ids as parallel rows `(B, N / B)`, without the few that fill no row."""
    length = len(ids) // batch_size
    return torch.from_numpy(ids[: length * batch_size].reshape(batch_size, length))


def total_loss(model: PyTorchModel, inputs: Tensor, targets: Tensor, num_steps: int) -> float:
    """Return the sum of -ln p of targets `(B, N)`, with the state carried from one window to the next."""
    model.eval()
    state, total = model.initial_state(len(inputs), "cpu"), 0.0
    for start in range(0, inputs.shape[1], num_steps):
        window = slice(start, start + num_steps)
        with torch.no_grad():
            logits, state = model(inputs[:, window], state)
        total += functional.cross_entropy(
            logits.float().flatten(0, 1), targets[:, window].flatten(), reduction="sum"
        ).item()
    model.train()
    return total


def train(task: Task, say: Say) -> Outcome:
    """Train until the time is over; the last weights count."""
    recipe = Recipe(**task.recipe)
    if recipe.compute_dtype == "bfloat16":
        require_bfloat16("cpu")
    training = Training(task, recipe, say)
    training.run()
    seconds = training.clock.seconds

    def evaluate(ids: Ids) -> dict[str, float]:
        inputs, targets = torch.from_numpy(shifted(ids, task.end_id))[None], torch.from_numpy(ids)[None]
        return {"stream": total_loss(training.model, inputs, targets, _EXACT_STEPS)}

    return Outcome(
        parameters=sum(parameter.numel() for parameter in training.model.parameters()),
        tokens=training.tokens,
        seconds=seconds,
        evaluate=evaluate,
        dtype=recipe.compute_dtype,
        versions={"python": platform.python_version(), "torch": torch.__version__},
        recipe=asdict(recipe),
    )


if __name__ == "__main__":
    compete(train)
