"""A small decoder-only transformer like nanoGPT, in PyTorch: the usual choice today.

Pre-norm blocks of causal attention and a GELU layer of four times the width, learned positions, embedding shared with
the output, no biases, weights from a normal distribution of 0.02 with the residual projections scaled down by the root
of twice the depth (Radford et al. 2019); AdamW with decay on matrices alone, clipped gradients, warm-up and a cosine or
a line down to the end of the time; bfloat16 by autocast, or float32. Each epoch cuts the text at another place into
windows, in an order of its own. Written from the published settings. `Recipe` began at nanoGPT's own for a processor (4
blocks, 4 heads, windows of 64, a rate of 1e-3), twice as wide, with a line to zero; two blocks, rate and dropout were
then looked for on a quarter of the Penn Treebank, as the lab log tells. With a `start` from "counts" it begins like
nextword: at word vectors and log-frequencies. With the `mixer` "mingru", a minimal recurrent layer takes the place of
attention.
"""

import copy
import math
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from quality_protocol import Ids, Outcome, Say, Slide, Task, compete, shifted, slides


@dataclass(frozen=True)
class Recipe:
    """Size and schedule."""

    width: int = 256
    num_layers: int = 2
    num_heads: int = 4
    context: int = 64
    batch_size: int = 16
    dropout_rate: float = 0.15
    learning_rate: float = 1e-3
    schedule: str = "linear"
    final_part: float = 0.0
    warmup_part: float = 0.05
    weight_decay: float = 0.1
    beta_2: float = 0.99
    clip_norm: float = 1.0
    validations: int = 5
    start: str = "random"
    mixer: str = "attention"
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        known = {"schedule": ("linear", "cosine"), "start": ("random", "counts"), "mixer": tuple(MIXERS)}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"`{name}` must be one of {', '.join(values)}, but is {getattr(self, name)!r}")


class Attention(nn.Module):
    """Causal attention of several heads, without its output matrix."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.num_heads, self.dropout_rate = recipe.num_heads, recipe.dropout_rate
        self.queries_keys_values = nn.Linear(recipe.width, 3 * recipe.width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what each token takes from those up to itself `(B, T, D)`."""
        heads = self.queries_keys_values(hidden).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D / heads)
        rate = self.dropout_rate if self.training else 0.0
        attended = functional.scaled_dot_product_attention(query, key, value, dropout_p=rate, is_causal=True)
        return attended.transpose(1, 2).flatten(2)


class MinGRU(nn.Module):
    r"""$h_t = (1 - z_t) h_{t-1} + z_t g_t$ with $z_t = \sigma(W_z x_t)$ and $g_t$ a positive function of $W_g x_t$.

    From Feng et al. 2024, appendix B. Gates do not see $h$, so their products are one for all tokens. The rest is a
    loop, which is faster on a processor than cumulative sums in logarithms.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.gates_candidates = nn.Linear(recipe.width, 2 * recipe.width, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the hidden states `(B, T, D)`, the first from zeros."""
        gate, candidate = self.gates_candidates(inputs).float().chunk(2, -1)
        update, positive = gate.sigmoid(), torch.where(candidate >= 0, candidate + 0.5, candidate.sigmoid())
        hidden = [torch.zeros_like(inputs[:, 0], dtype=torch.float32)]
        for kept, added in zip((1 - update).unbind(1), (update * positive).unbind(1), strict=True):
            hidden.append(torch.addcmul(added, kept, hidden[-1]))
        return torch.stack(hidden[1:], 1)


MIXERS: dict[str, Callable[[Recipe], nn.Module]] = {"attention": Attention, "mingru": MinGRU}


class Block(nn.Module):
    """A mixer of tokens and a feed-forward layer, each added to what comes in."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        width = recipe.width
        self.mixer_norm = nn.LayerNorm(width, bias=False)
        self.mixer = MIXERS[recipe.mixer](recipe)
        self.mixer_out = nn.Linear(width, width, bias=False)
        self.feed_forward_norm = nn.LayerNorm(width, bias=False)
        self.feed_forward_in = nn.Linear(width, 4 * width, bias=False)
        self.feed_forward_out = nn.Linear(4 * width, width, bias=False)
        self.dropout = nn.Dropout(recipe.dropout_rate)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the hidden states `(B, T, D)`."""
        hidden = hidden + self.dropout(self.mixer_out(self.mixer(self.mixer_norm(hidden))))
        inner = functional.gelu(self.feed_forward_in(self.feed_forward_norm(hidden)))
        return hidden + self.dropout(self.feed_forward_out(inner))


class Transformer(nn.Module):
    """Tokens to logits."""

    def __init__(self, vocabulary_size: int, recipe: Recipe) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, recipe.width)
        self.positions = nn.Parameter(torch.empty(recipe.context, recipe.width))
        self.dropout = nn.Dropout(recipe.dropout_rate)
        self.blocks = nn.ModuleList(Block(recipe) for _ in range(recipe.num_layers))
        self.norm = nn.LayerNorm(recipe.width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                residual = name.endswith("_out.weight")
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * recipe.num_layers) if residual else 1))
        self.bias: nn.Parameter | None = None

    def start_from(self, vectors: NDArray[np.float32], ids: Ids) -> None:
        """Start at word vectors `(V, D)` of length `sqrt(D)`, or zero where there is none, and at log-frequencies."""
        known = torch.from_numpy(vectors.any(axis=1))
        counts = torch.from_numpy(np.bincount(ids, minlength=len(vectors))) + 0.5
        with torch.no_grad():
            self.embedding.weight[known] = 0.02 * torch.from_numpy(vectors)[known]
        self.bias = nn.Parameter(torch.log(counts / counts.sum()).float())

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits `(B, T, V)`."""
        return self.logits(self.hidden(tokens))

    def hidden(self, tokens: Tensor) -> Tensor:
        """Return the last hidden states `(B, T, D)`."""
        hidden = self.dropout(self.embedding(tokens) + self.positions[: tokens.shape[1]])
        for block in self.blocks:
            hidden = block(hidden)
        return self.norm(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of hidden states."""
        return functional.linear(hidden, self.embedding.weight, self.bias)


def epochs(ids: Ids, recipe: Recipe, seed: int) -> Iterator[Tensor]:
    """Yield batches `(B, T + 1)` for ever; each epoch cuts new windows from the text, and takes them at random."""
    random = np.random.default_rng(seed)
    context = min(recipe.context, len(ids) // 2)
    while True:
        starts = np.arange(random.integers(context), len(ids) - context, context)
        random.shuffle(starts)
        rows = min(recipe.batch_size, len(starts))
        for first in range(0, len(starts) - rows + 1, rows):
            chosen = starts[first : first + rows]
            yield torch.from_numpy(ids[chosen[:, None] + np.arange(context + 1)])


def learning_rate(recipe: Recipe, part: float) -> float:
    """Return the learning rate after a part of the time."""
    if part < recipe.warmup_part:
        return recipe.learning_rate * (part / recipe.warmup_part)
    gone = (part - recipe.warmup_part) / (1 - recipe.warmup_part)
    falling = 0.5 * (1 + math.cos(math.pi * gone)) if recipe.schedule == "cosine" else 1 - gone
    return recipe.learning_rate * (recipe.final_part + (1 - recipe.final_part) * falling)


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW that decays only matrices."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta_2), fused=True)


def total_loss(model: Transformer, ids: Ids, end_id: int, stride: int) -> float:
    """Return the sum of -ln p over a split, each token predicted from at least `context - stride` tokens before it."""
    model.eval()
    inputs, total = torch.from_numpy(shifted(ids, end_id)), 0.0
    targets, context = torch.from_numpy(ids), len(model.positions)
    for batch in batched(slides(len(ids), context, stride), 64):
        counted = torch.cat([targets[window.counted : window.stop] for window in batch])
        with torch.no_grad():
            hidden = model.hidden(torch.stack([inputs[window.start : window.stop] for window in batch]))
            counted_rows = [row[window.counted - window.start :] for row, window in zip(hidden, batch, strict=True)]
            logits = model.logits(torch.cat(counted_rows))
        total += functional.cross_entropy(logits, counted, reduction="sum").item()
    model.train()
    return total


def batched(windows: Iterator[Slide], size: int) -> Iterator[list[Slide]]:
    """Yield the windows in lists of at most `size`."""
    while batch := list(islice(windows, size)):
        yield batch


class Training:
    """The model, its optimizer, and the best weights so far."""

    def __init__(self, task: Task, recipe: Recipe, say: Say) -> None:
        self.task, self.recipe, self.clock, self._say = task, recipe, task.start_clock(), say
        torch.manual_seed(task.seed)
        self.model = Transformer(task.vocabulary_size, recipe)
        if recipe.start == "counts":
            self.model.start_from(task.vectors(), task.split("train"))
        self._optimizer = make_optimizer(self.model, recipe)
        self._valid = task.split("valid")
        self._best = (math.inf, copy.deepcopy(self.model.state_dict()))
        self.tokens = 0

    def run(self) -> None:
        """Train until the time is over, and take the best weights."""
        validations = 1
        for batch in epochs(self.task.split("train"), self.recipe, self.task.seed):
            self._step(batch)
            if self.clock.part >= validations / self.recipe.validations:
                self._validate()
                validations += 1
            if self.clock.over:
                break
        self.model.load_state_dict(self._best[1])

    def _step(self, batch: Tensor) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.clock.part)
        dtype = getattr(torch, self.recipe.compute_dtype)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits = self.model(batch[:, :-1])
            loss = functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self._optimizer.step()
        self.tokens += batch[:, 1:].numel()

    def _validate(self) -> None:
        total = total_loss(self.model, self._valid, self.task.end_id, stride=self.recipe.context)
        perplexity = math.exp(total / len(self._valid))
        self._say({"seconds": self.clock.seconds, "tokens": self.tokens, "valid_perplexity": perplexity})
        if perplexity < self._best[0]:
            self._best = (perplexity, copy.deepcopy(self.model.state_dict()))


def train(task: Task, say: Say) -> Outcome:
    """Train until the time is over; the best weights of all validations count."""
    recipe = Recipe(**task.recipe)
    training = Training(task, recipe, say)
    training.run()
    seconds, stride = training.clock.seconds, max(1, recipe.context // 8)
    return Outcome(
        parameters=sum(parameter.numel() for parameter in training.model.parameters()),
        tokens=training.tokens,
        seconds=seconds,
        evaluate=lambda ids: {
            f"windows of {recipe.context}, {stride} at a time": total_loss(training.model, ids, task.end_id, stride)
        },
        dtype=recipe.compute_dtype,
        versions={"python": platform.python_version(), "torch": torch.__version__},
        recipe=asdict(recipe),
    )


if __name__ == "__main__":
    compete(train)
