"""PyTorch's example `word_language_model` at its defaults, for as long as the time lasts.

    dropout(embedding 200) -> LSTM 200, dropout, LSTM 200 -> dropout -> linear

Twenty rows of 35 tokens with carried state, plain gradient descent at rate 20 with gradients clipped to 0.25, a quarter
of the rate after each epoch that validation was no better, at most 40 epochs; the weights of the best validation
count, as they do in the example when it is stopped. Written from its published settings.
"""

import copy
import math
import platform
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from quality_protocol import Ids, Outcome, Say, Task, compete, shifted

_EVALUATION_ROWS = 10
_EXACT_STEPS = 1000

State = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Recipe:
    """The example's defaults."""

    embedding_size: int = 200
    hidden_size: int = 200
    num_layers: int = 2
    dropout_rate: float = 0.2
    learning_rate: float = 20.0
    clip_norm: float = 0.25
    epochs: int = 40
    batch_size: int = 20
    num_steps: int = 35


class WordLanguageModel(nn.Module):
    """Tokens to logits, time first as in the example."""

    def __init__(self, vocabulary_size: int, recipe: Recipe) -> None:
        super().__init__()
        self.dropout = nn.Dropout(recipe.dropout_rate)
        self.embedding = nn.Embedding(vocabulary_size, recipe.embedding_size)
        self.lstm = nn.LSTM(recipe.embedding_size, recipe.hidden_size, recipe.num_layers, dropout=recipe.dropout_rate)
        self.projection = nn.Linear(recipe.hidden_size, vocabulary_size)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.uniform_(self.projection.weight, -0.1, 0.1)
        nn.init.zeros_(self.projection.bias)

    def forward(self, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return the logits `(T, B, V)`, and the state after the last token, for the next window."""
        hidden, (last_hidden, last_cell) = self.lstm(self.dropout(self.embedding(tokens)), state)
        return self.projection(self.dropout(hidden)), (last_hidden.detach(), last_cell.detach())


class Training:
    """The model, its learning rate, and the best weights so far."""

    def __init__(self, task: Task, recipe: Recipe, say: Say) -> None:
        self.recipe, self.clock, self._say = recipe, task.start_clock(), say
        torch.manual_seed(task.seed)
        self.model = WordLanguageModel(task.vocabulary_size, recipe)
        self._train = in_rows(task.split("train"), recipe.batch_size)
        self._valid = in_rows(task.split("valid"), _EVALUATION_ROWS)
        self._learning_rate = recipe.learning_rate
        self._best_loss = math.inf
        self._best: dict[str, Tensor] | None = None
        self.tokens = 0

    def run(self) -> None:
        """Train until the time or the epochs are over, and use the best weights, if an epoch ended."""
        for _ in range(self.recipe.epochs):
            self._train_epoch()
            if self.clock.over:
                break
            self._validate()
        if self._best is not None:
            self.model.load_state_dict(self._best)

    def _train_epoch(self) -> None:
        self.model.train()
        state = None
        for start in range(0, len(self._train) - 1, self.recipe.num_steps):
            window = self._train[start : start + self.recipe.num_steps + 1]
            logits, state = self.model(window[:-1], state)
            loss = functional.cross_entropy(logits.flatten(0, 1), window[1:].flatten())
            self.model.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
            with torch.no_grad():
                for parameter in self.model.parameters():
                    parameter.sub_(self._learning_rate * parameter.grad)
            self.tokens += window[1:].numel()
            if self.clock.over:
                return

    def _validate(self) -> None:
        targets = self._valid[1:]
        loss = total_loss(self.model, self._valid[:-1], targets, self.recipe.num_steps) / targets.numel()
        self._say({"seconds": self.clock.seconds, "tokens": self.tokens, "valid_perplexity": math.exp(loss)})
        if loss < self._best_loss:
            self._best_loss, self._best = loss, copy.deepcopy(self.model.state_dict())
        else:
            self._learning_rate /= 4


def in_rows(ids: Ids, batch_size: int) -> Tensor:
    """Return the ids as parallel rows `(T, B)`, without the few that fill no row."""
    length = len(ids) // batch_size
    return torch.from_numpy(ids[: length * batch_size].reshape(batch_size, length).T.copy())


def total_loss(model: WordLanguageModel, inputs: Tensor, targets: Tensor, num_steps: int) -> float:
    """Return the sum of -ln p of targets `(T, B)`, with the state carried from one window to the next."""
    model.eval()
    state, total = None, 0.0
    for start in range(0, len(inputs), num_steps):
        window = slice(start, start + num_steps)
        with torch.no_grad():
            logits, state = model(inputs[window], state)
        total += functional.cross_entropy(logits.flatten(0, 1), targets[window].flatten(), reduction="sum").item()
    return total


def train(task: Task, say: Say) -> Outcome:
    """Train until the time is over."""
    recipe = Recipe(**task.recipe)
    training = Training(task, recipe, say)
    training.run()
    seconds = training.clock.seconds

    def evaluate(ids: Ids) -> dict[str, float]:
        inputs, targets = torch.from_numpy(shifted(ids, task.end_id))[:, None], torch.from_numpy(ids)[:, None]
        return {"stream": total_loss(training.model, inputs, targets, _EXACT_STEPS)}

    return Outcome(
        parameters=sum(parameter.numel() for parameter in training.model.parameters()),
        tokens=training.tokens,
        seconds=seconds,
        evaluate=evaluate,
        dtype="float32",
        versions={"python": platform.python_version(), "torch": torch.__version__},
        recipe=asdict(recipe),
    )


if __name__ == "__main__":
    compete(train)
