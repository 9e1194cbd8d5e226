"""The same model in PyTorch, for inference: embedding, `nn.LSTM`, `nn.Linear`, with nextword's weights.

It runs in PyTorch's own environment, which need not have nextword.
"""

import platform
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inference_shares import read_share

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
        """Return the state in which a text begins."""
        shape = (self.lstm.num_layers, batch_size, self.lstm.hidden_size)
        return torch.zeros(shape), torch.zeros(shape)

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Load the weights of a bundle; its gates have the same order, and one bias each."""
        given = {name: torch.from_numpy(weight) for name, weight in weights.items()}
        self.embedding.weight.copy_(given["embedding/embeddings"])
        self.projection.weight = self.embedding.weight
        self.projection.bias.copy_(given["projection/bias"])
        for layer in range(self.lstm.num_layers):
            getattr(self.lstm, f"weight_ih_l{layer}").copy_(given[f"lstm_{layer}/kernel"].T)
            getattr(self.lstm, f"weight_hh_l{layer}").copy_(given[f"lstm_{layer}/recurrent_kernel"].T)
            getattr(self.lstm, f"bias_ih_l{layer}").copy_(given[f"lstm_{layer}/bias"])
            getattr(self.lstm, f"bias_hh_l{layer}").zero_()


def make_network(settings: dict[str, Any]) -> Any:
    """Return the network in the requested precision, checked against nextword's model.

    Raises:
        ValueError: It is not.
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
    _check(network, folder, _TOLERANCE[settings["precision"]])
    return network


def describe(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the description of this peer."""
    vocabulary_size, hidden_size, num_layers = (
        settings["model"][name] for name in ("vocabulary_size", "hidden_size", "num_layers")
    )
    layer = 8 * hidden_size * hidden_size + 8 * hidden_size  # each gate has two biases
    return {
        "parameters": vocabulary_size * (hidden_size + 1) + num_layers * layer,
        "threads": torch.get_num_threads(),
        "dtype": settings["precision"],
        "device": "cpu",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def token_scores(network: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return the log-probability of each target `(B, T)`, the texts read from their beginning."""
    inputs, targets = batch
    log_probs, _ = network(inputs, network.start(len(inputs)))
    return log_probs.gather(-1, targets[..., None])[..., 0]


def _check(network: Any, folder: Path, tolerance: float) -> None:
    share = read_share(folder / "share-0.npz")
    inputs, targets = (torch.from_numpy(share[f"{name}_0"]).long() for name in ("inputs", "targets"))
    with torch.inference_mode():
        found = token_scores(network, (inputs, targets)).numpy()
    counted = np.arange(found.shape[1]) < share["lengths_0"][:, None]
    distance = float(np.abs(found - share["log_probs_0"])[counted].max())
    if not distance <= tolerance:
        raise ValueError(f"this is another model: a log-probability is {distance:.2g} away from nextword's")
