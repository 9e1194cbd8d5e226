"""A plain service of the same model in PyTorch and FastAPI: `/v1/completions` without streams and batching.

It runs in PyTorch's own environment, with FastAPI and uvicorn, which need not have nextword.

Usage: python serving_pytorch.py '{"folder": ..., "model": {...}, "port": 8000, "one_at_a_time": false, "threads": 1}'
"""

import json
import re
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from torch import Tensor, nn

_WORD = re.compile(r"\w+|[^\w\s]")

States = list[tuple[Tensor, Tensor]]


class Network(nn.Module):
    """Embedding, LSTM cells, and a projection. Cells are faster than `nn.LSTM` for single steps."""

    def __init__(self, vocabulary_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, hidden_size)
        self.cells = nn.ModuleList(nn.LSTMCell(hidden_size, hidden_size) for _ in range(num_layers))
        self.projection = nn.Linear(hidden_size, vocabulary_size)
        self.projection.weight = self.embedding.weight

    def read(self, token: Tensor, states: States) -> tuple[Tensor, States]:
        """Read a token, and return the last hidden state and the states."""
        inputs, after = self.embedding(token), []
        for cell, state in zip(self.cells, states):  # noqa: B905  # as many
            inputs, carried = cell(inputs, state)
            after.append((inputs, carried))
        return inputs, after

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Load the weights of a bundle; its gates have the same order, and one bias each."""
        tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
        self.embedding.weight.copy_(tensors["embedding/embeddings"])
        self.projection.bias.copy_(tensors["projection/bias"])
        for layer, cell in enumerate(self.cells):
            cell.weight_ih.copy_(tensors[f"lstm_{layer}/kernel"].T)
            cell.weight_hh.copy_(tensors[f"lstm_{layer}/recurrent_kernel"].T)
            cell.bias_ih.copy_(tensors[f"lstm_{layer}/bias"])
            cell.bias_hh.zero_()


class Generator:
    """Samples texts."""

    def __init__(self, folder: Path, model: dict[str, int]) -> None:
        self._words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        self._ids = {word: index for index, word in enumerate(self._words)}
        self._end, self._unknown = self._ids["<eos>"], self._ids["<unk>"]
        self._network = Network(**model)
        with np.load(folder / "weights.npz", allow_pickle=False) as weights, torch.no_grad():
            self._network.set_weights(dict(weights))
        self._network.eval()

    def log_probs(self, ids: list[int]) -> list[float]:
        """Return the log-probability of each id after those before it, the first after `<eos>`."""
        log_probs, states = [], self._start()
        for before, after in zip([self._end, *ids], ids):  # noqa: B905  # the last is not read
            hidden, states = self._network.read(torch.tensor([before]), states)
            log_probs.append(float(torch.log_softmax(self._network.projection(hidden), -1)[0, after]))
        return log_probs

    def generate(self, prompt: str, *, max_tokens: int, temperature: float, top_p: float, seed: int) -> list[int]:
        """Return the ids of a sampled text; `<eos>` ends it."""
        random = torch.Generator().manual_seed(seed)
        ids = [self._ids.get(word, self._unknown) for word in _WORD.findall(prompt)]
        hidden, states = self._network.read(torch.tensor([self._end]), self._start())
        for token in ids:
            hidden, states = self._network.read(torch.tensor([token]), states)
        text: list[int] = []
        while len(text) < max_tokens:
            logits = self._network.projection(hidden)[0] / temperature
            logits[self._unknown] = -torch.inf
            probabilities = torch.softmax(logits, -1)
            if top_p < 1:
                probabilities = _only_top(probabilities, top_p)
            token = int(torch.multinomial(probabilities, 1, generator=random))
            text.append(token)
            if token == self._end:
                break
            hidden, states = self._network.read(torch.tensor([token]), states)
        return text

    def text(self, ids: list[int]) -> str:
        """Return the words of ids."""
        return " ".join(self._words[token] for token in ids if token != self._end)

    def _start(self) -> States:
        size = self._network.embedding.embedding_dim
        return [(torch.zeros(1, size), torch.zeros(1, size)) for _ in self._network.cells]


class CompletionRequest(BaseModel):
    """A request for a completion."""

    model: str
    prompt: str
    max_tokens: int = 16
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0


def make_application(generator: Generator, *, one_at_a_time: bool) -> FastAPI:
    """Return the service. FastAPI answers requests in its pool of threads."""
    application, lock = FastAPI(), threading.Lock()

    @application.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @application.get("/versions")
    def versions() -> dict[str, Any]:
        return {"python": sys.version.split()[0], "torch": torch.__version__, "threads": torch.get_num_threads()}

    @application.post("/log-probs")
    def log_probs(ids: list[int]) -> list[float]:
        with torch.inference_mode():
            return generator.log_probs(ids)

    @application.post("/v1/completions")
    def complete(body: CompletionRequest) -> dict[str, Any]:
        with lock if one_at_a_time else nullcontext(), torch.inference_mode():
            ids = generator.generate(
                body.prompt,
                max_tokens=body.max_tokens,
                temperature=body.temperature,
                top_p=body.top_p,
                seed=body.seed,
            )
        return {
            "object": "text_completion",
            "model": body.model,
            "choices": [{"index": 0, "text": generator.text(ids), "finish_reason": "length"}],
            "usage": {"completion_tokens": len(ids)},
        }

    return application


def _only_top(probabilities: Tensor, top_p: float) -> Tensor:
    ordered, order = probabilities.sort(descending=True)
    ordered[ordered.cumsum(-1) - ordered >= top_p] = 0
    return torch.zeros_like(probabilities).scatter_(-1, order, ordered)


def main() -> None:
    """Serve until the process ends."""
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    generator = Generator(Path(settings["folder"]), settings["model"])
    application = make_application(generator, one_at_a_time=settings["one_at_a_time"])
    uvicorn.run(application, host="127.0.0.1", port=settings["port"], log_level="warning")


if __name__ == "__main__":
    main()
