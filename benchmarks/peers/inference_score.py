"""Score sentences as `nextword score` does; a step is one share of them, batches and padding included."""

import time
from itertools import count
from typing import Any

import numpy as np

from inference_ours import describe, open_bundle
from inference_shares import read_shares
from nextword.inference.scoring.lines import score_sentences
from peer_protocol import Run, serve


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Start the engine, and read the sentences."""
    engine = open_bundle(settings).engine
    shares = [np.split(share["ids"], np.cumsum(share["lengths"])[:-1]) for share in read_shares(settings)]
    turns = count()

    def score() -> float:
        sentences = shares[next(turns) % len(shares)]
        start = time.perf_counter()
        score_sentences(engine, sentences, first_input=engine.end_id)
        return time.perf_counter() - start

    return describe(settings), lambda steps: {"share": [score() for _ in range(steps)]}


if __name__ == "__main__":
    serve(prepare, warm_up_steps=1)
