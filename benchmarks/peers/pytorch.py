"""The same model in PyTorch: `nn.LSTM`, carried state, fused Adam, bfloat16 by autocast on request.

It runs in PyTorch's own environment, which need not have nextword.
"""

import time
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from peer_protocol import Run, UnableError, described, serve

_NUM_BATCHES = 100

State = list[tuple[Tensor, Tensor]]


class PyTorchModel(nn.Module):
    """Embedding, LSTM layers and a projection that may share the embedding's weights, with dropout between them.

    Layers of the same width are one `nn.LSTM`.
    """

    def __init__(self, model: dict[str, Any]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(model["vocabulary_size"], model["embedding_size"])
        self.lstms = nn.ModuleList()
        input_size, between = model["embedding_size"], model["hidden_dropout_rate"]
        for hidden_size, group in groupby(model["hidden_sizes"]):
            num_layers = len(list(group))
            rate = between if num_layers > 1 else 0.0
            self.lstms.append(nn.LSTM(input_size, hidden_size, num_layers, batch_first=True, dropout=rate))
            input_size = hidden_size
        self.projection = nn.Linear(input_size, model["vocabulary_size"])
        if model["tied"]:
            self.projection.weight = self.embedding.weight
        rates = [model["input_dropout_rate"], *[between] * (len(self.lstms) - 1), model["output_dropout_rate"]]
        self.dropouts = nn.ModuleList(nn.Dropout(rate) for rate in rates)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits `(B, T, V)` and the state after the last token, for the next window."""
        hidden, after = self.hidden(tokens, state)
        return self.projection(hidden), after

    def hidden(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the last layer's output after dropout `(B, T, H)` and the state after the last token."""
        hidden = self.dropouts[0](self.embedding(tokens))
        after = []
        for lstm, dropout, before in zip(self.lstms, self.dropouts[1:], state, strict=True):
            hidden, (last_hidden, last_cell) = lstm(hidden, before)
            hidden = dropout(hidden)
            after.append((last_hidden.detach(), last_cell.detach()))
        return hidden, after

    def initial_state(self, batch_size: int, device: str) -> State:
        """Return the state of zeros."""
        shapes = [(lstm.num_layers, batch_size, lstm.hidden_size) for lstm in self.lstms]
        return [(torch.zeros(shape, device=device), torch.zeros(shape, device=device)) for shape in shapes]


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Build the model and its optimizer, and make random data."""
    torch.manual_seed(0)
    model, batching, dtype = settings["model"], settings["batching"], settings["compute_dtype"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "bfloat16":
        require_bfloat16(device)
    network = PyTorchModel(model).to(device)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    shape = (_NUM_BATCHES, batching["batch_size"], batching["num_steps"] + 1)
    ids = torch.randint(model["vocabulary_size"], shape, device=device)
    state = network.initial_state(batching["batch_size"], device)

    def train(window: Tensor) -> None:
        nonlocal state
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            logits, state = network(window[:, :-1], state)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the step

    def run(steps: int) -> dict[str, list[float]]:
        seconds = []
        for step in range(steps):
            start = time.perf_counter()
            train(ids[step % len(ids)])
            seconds.append(time.perf_counter() - start)
        return {"step": seconds}

    parameters, threads = sum(parameter.numel() for parameter in network.parameters()), torch.get_num_threads()
    return described(parameters, dtype, {"torch": torch.__version__}, threads=threads, device=device), run


def require_bfloat16(device: str) -> None:
    """Raise `UnableError` if PyTorch has no bfloat16 LSTM here: oneDNN's needs AVX-512."""
    lstm = nn.LSTM(8, 8, batch_first=True).to(device)
    try:
        with torch.autocast(device, torch.bfloat16):
            lstm(torch.zeros(2, 3, 8, device=device))[0].float().sum().backward()
    except RuntimeError as error:
        raise UnableError(
            f"PyTorch's LSTM does not run in bfloat16 on this processor ({str(error)[:80]} ...)"
        ) from error


if __name__ == "__main__":
    serve(prepare)
