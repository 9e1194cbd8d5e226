"""Train in the tasks of a Ray cluster, the way `nextword launch` does in processes of one machine.

    import nextword.ray

    perplexities = nextword.ray.train("my-text.txt", strategy="population", num_processes=4, run="/shared/runs/four")

Ray's own `JaxTrainer` sets up no process group on CPUs. Here, each task gets the variables that a launcher would set,
and calls `nextword.train`, which joins the group.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextword.errors import MissingExtraError
from nextword.training.cluster.group import ProcessGroup
from nextword.training.options import Strategy


def train(
    text: str | Path,
    *,
    strategy: Strategy,
    num_processes: int,
    run: str | Path,
    settings: Mapping[str, Any] | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
    **options: Any,
) -> list[list[float]]:
    """Train in several Ray tasks, spread over the nodes of the cluster that `ray.init` has joined.

    Args:
        text: The text, by a path that all nodes have.
        strategy: How the processes train.
        num_processes: Number of tasks.
        run: The run directory, by an absolute path. A population and a resumed run need one that all nodes share.
        settings: Settings by name, as for `nextword.train`.
        cpus: Cores of each task.
        gpus: GPUs of each task.
        options: Other arguments of `nextword.train`, such as `preset`, `epochs` and `seed`.

    Returns:
        For each process, the validation perplexity after each round.

    Raises:
        MissingExtraError: The extra `ray` is not installed.
        NextwordError: Training failed in a task.

    Example:
        >>> train("my-text.txt", strategy="data-parallel", num_processes=2, run="/shared/run")  # doctest: +SKIP
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError.of("training in a cluster needs Ray", error.name, "ray") from error
    member = ray.remote(num_cpus=cpus, num_gpus=gpus, scheduling_strategy="SPREAD")(_Member)
    members = [member.remote() for _ in range(num_processes)]
    address = ray.get(members[0].address.remote())
    given = {**options, "run": str(run), "settings": {**(settings or {}), "strategy": strategy}, "verbose": 0}
    groups = [ProcessGroup(num_processes, number, address) for number in range(num_processes)]
    started = [
        each.train.remote(str(text), group.to_environment(), given) for each, group in zip(members, groups, strict=True)
    ]
    try:
        results: list[list[float]] = ray.get(started)
        return results
    finally:
        for each in members:
            ray.kill(each)


class _Member:
    """One process of the run; Ray gives each a worker of its own."""

    def address(self) -> str:
        """Return an address at which this process can listen."""
        import ray

        with socket.socket() as listener:
            listener.bind(("", 0))
            return f"{ray.util.get_node_ip_address()}:{listener.getsockname()[1]}"

    def train(self, text: str, variables: Mapping[str, str], given: Mapping[str, Any]) -> list[float]:
        """Join the group and train."""
        os.environ.update(variables)
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1").replace(
            "1", "4"
        )  # as `nextword`
        from nextword.api.train import train as train_here

        model = train_here(text, **given)
        records = model.history.records if model.history else ()
        return [record.valid_perplexity for record in records]
