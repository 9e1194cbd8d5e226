"""The same model in PyTorch at work: embedding, `nn.LSTM`, `nn.Linear`, with nextword's weights.

    step     a step of one text, log-probabilities included, the state carried
    score    a share of the sentences, in the batches that nextword makes of them; making the batches is not timed

It runs in PyTorch's own environment, which need not have nextword.
"""

import json
import sys
import time
import warnings
from itertools import count, cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inference_shares import read_share, read_shares
from peer_protocol import Run, described, serve

_WARM_UP_STEPS = {"step": 20, "score": 1}

# Largest difference of its log-probabilities from nextword's in float32.
_TOLERANCE = {"float32": 1e-3, "int8": 0.5}

State = tuple[Tensor, Tensor]


class InferenceNetwork(nn.Module):
    """Embedding, LSTM layers of its width, and a projection."""

    def __init__(self, vocabulary_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers, batch_first=True)
        self.projection = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the log-probabilities `(B, T, V)` of what follows each token, and the state after the last."""
        hidden, state = self.lstm(self.embedding(tokens), state)
        return torch.log_softmax(self.projection(hidden), dim=-1), state

    def start(self, batch_size: int) -> State:
        """Return the state in which a text starts."""
        shape = (self.lstm.num_layers, batch_size, self.lstm.hidden_size)
        return torch.zeros(shape), torch.zeros(shape)

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Load the weights of a bundle; its gates have the same order, and one bias each."""
        tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
        self.embedding.weight.copy_(tensors["embedding/embeddings"])
        self.projection.weight = self.embedding.weight
        self.projection.bias.copy_(tensors["projection/bias"])
        for layer in range(self.lstm.num_layers):
            getattr(self.lstm, f"weight_ih_l{layer}").copy_(tensors[f"lstm_{layer}/kernel"].T)
            getattr(self.lstm, f"weight_hh_l{layer}").copy_(tensors[f"lstm_{layer}/recurrent_kernel"].T)
            getattr(self.lstm, f"bias_ih_l{layer}").copy_(tensors[f"lstm_{layer}/bias"])
            getattr(self.lstm, f"bias_hh_l{layer}").zero_()


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Make the network, and prepare the task."""
    network = make_network(settings)
    sizes = settings["model"]
    layer = 8 * sizes["hidden_size"] * (sizes["hidden_size"] + 1)  # each gate has two biases
    parameters = sizes["vocabulary_size"] * (sizes["hidden_size"] + 1) + sizes["num_layers"] * layer
    versions, threads = {"torch": torch.__version__}, torch.get_num_threads()
    description = described(parameters, settings["precision"], versions, threads=threads)
    return description, {"step": steps_of_a_text, "score": scores}[settings["task"]](network, settings)


def make_network(settings: dict[str, Any]) -> Any:
    """Return the network in the requested precision, checked against nextword's model.

    Raises:
        ValueError: It is another model.
    """
    torch.set_num_threads(settings["threads"])
    if not settings["onednn"]:
        torch.backends.mkldnn.set_flags(False)
    folder = Path(settings["folder"])
    network = InferenceNetwork(**settings["model"])
    with np.load(folder / "weights.npz", allow_pickle=False) as weights, torch.no_grad():
        network.set_weights(dict(weights))
    network.eval()
    if settings["precision"] == "int8":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch deprecates it
            network = torch.ao.quantization.quantize_dynamic(network, {nn.LSTM, nn.Linear}, dtype=torch.qint8)
    share = read_share(folder / "share-0.npz")
    with torch.inference_mode():
        log_probs = token_scores(network, *(torch.from_numpy(share[f"{name}_0"]).long() for name in _PAIR)).numpy()
    counted = np.arange(log_probs.shape[1]) < share["lengths_0"][:, None]
    distance = float(np.abs(log_probs - share["log_probs_0"])[counted].max())
    if not distance <= _TOLERANCE[settings["precision"]]:
        raise ValueError(f"this is another model: a log-probability is {distance:.2g} away from nextword's")
    return network


_PAIR = ("inputs", "targets")


def token_scores(network: Any, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the log-probability of each target `(B, T)`, with the state of an empty text before the first."""
    log_probs, _ = network(inputs, network.start(len(inputs)))
    return log_probs.gather(-1, targets[..., None])[..., 0]


def steps_of_a_text(network: Any, settings: dict[str, Any]) -> Run:
    """Return what takes steps of a random text."""
    ids = cycle(torch.randint(settings["model"]["vocabulary_size"], (1000, 1, 1), generator=torch.manual_seed(0)))
    state = network.start(1)

    def step() -> float:
        nonlocal state
        token = next(ids)
        start = time.perf_counter()
        _, state = network(token, state)
        return time.perf_counter() - start

    def run(steps: int) -> dict[str, list[float]]:
        with torch.inference_mode():
            return {"step": [step() for _ in range(steps)]}

    return run


def scores(network: Any, settings: dict[str, Any]) -> Run:
    """Return what scores shares of the sentences in turn."""
    shares, turns = [], count()
    for share in read_shares(settings):
        indices = range(sum(name.startswith("inputs_") for name in share))
        shares.append([[torch.from_numpy(share[f"{name}_{index}"]).long() for name in _PAIR] for index in indices])

    def score() -> float:
        batches = shares[next(turns) % len(shares)]
        start = time.perf_counter()
        for inputs, targets in batches:
            token_scores(network, inputs, targets)
        return time.perf_counter() - start

    def run(steps: int) -> dict[str, list[float]]:
        with torch.inference_mode():
            return {"share": [score() for _ in range(steps)]}

    return run


if __name__ == "__main__":
    serve(prepare, warm_up_steps=_WARM_UP_STEPS[json.loads(sys.argv[1])["task"]])
