"""Train one model in several workers of Ray: `python ray_train.py TEXT RUN WORKERS`.

Needs `pip install "ray[train]"`. RUN is a folder that all nodes share; the same command resumes the run.
"""

import socket
import sys
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train.collective import broadcast_from_rank_zero
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer


def free_address() -> str:
    """Return an address of this node, at which the first worker waits for the others."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return f"{socket.gethostbyname(socket.gethostname())}:{probe.getsockname()[1]}"


def work(config: dict[str, Any]) -> None:
    """Train in one worker."""
    import jax

    worker = ray.train.get_context()
    address = broadcast_from_rank_zero(free_address())
    jax.distributed.initialize(address, worker.get_world_size(), worker.get_world_rank())
    import nextword

    nextword.train(config["text"], run=config["run"], epochs=1, preset="quick", settings={"sync_every": 1})


if __name__ == "__main__":
    text, run = (str(Path(each).resolve()) for each in sys.argv[1:3])  # workers have a folder of their own
    scaling = ray.train.ScalingConfig(num_workers=int(sys.argv[3]))
    DataParallelTrainer(work, train_loop_config={"text": text, "run": run}, scaling_config=scaling).fit()
