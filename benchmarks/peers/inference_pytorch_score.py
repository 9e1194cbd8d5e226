"""Score sentences in PyTorch, in the batches that nextword makes of them; making the batches is not timed.

A step is one share of the sentences.
"""

import time
from itertools import count
from typing import Any

import torch

from inference_pytorch import describe, make_network, token_scores
from inference_shares import Share, read_shares
from peer_protocol import Run, serve

Batch = tuple[torch.Tensor, torch.Tensor]


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Make the network, and read the batches."""
    network = make_network(settings)
    shares = [batches_of(share) for share in read_shares(settings)]
    turns = count()

    def score() -> float:
        batches = shares[next(turns) % len(shares)]
        start = time.perf_counter()
        for batch in batches:
            token_scores(network, batch)
        return time.perf_counter() - start

    def run(steps: int) -> dict[str, list[float]]:
        with torch.inference_mode():
            return {"share": [score() for _ in range(steps)]}

    return describe(settings), run


def batches_of(share: Share) -> list[Batch]:
    """Return the inputs and targets `(B, T)` of each batch."""
    num_batches = sum(name.startswith("inputs_") for name in share)
    pairs = ((share[f"inputs_{index}"], share[f"targets_{index}"]) for index in range(num_batches))
    return [(torch.from_numpy(inputs).long(), torch.from_numpy(targets).long()) for inputs, targets in pairs]


if __name__ == "__main__":
    serve(prepare, warm_up_steps=1)
