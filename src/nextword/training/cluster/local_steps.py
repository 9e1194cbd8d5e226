"""Local steps: each process trains a round by itself, then the weights of all become one.

    RUN/                     the run of process 0, and the model
    RUN/outer.safetensors    the shared weights after the last round, and their momentum
    RUN/process-1/           the run of process 1, with checkpoints of its own

Each process reads an equal part of the text. A round is the number of local steps.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nextword.errors import CheckpointError, SettingError
from nextword.text.batching.window import TokenIds
from nextword.training.cluster.group import ProcessGroup, group_for
from nextword.training.cluster.outer_weights import OuterWeights
from nextword.training.cluster.weight_exchange import WeightClient, WeightServer, key_of

if TYPE_CHECKING:
    from nextword.model.language_model import LanguageModel
    from nextword.training.config import RunConfig

PROCESSES = "processes"
"""Where the settings of a process name the number of processes."""

_FILE = "outer.safetensors"
_SECONDS = "NEXTWORD_EXCHANGE_SECONDS"
_KEY = "NEXTWORD_GROUP_KEY"
_DEFAULT_SECONDS = 60.0


def process_directory(root: Path, number: int) -> Path:
    """Return the run directory of a process."""
    return root if number == 0 else root / f"process-{number}"


def as_process(config: "RunConfig", group: ProcessGroup) -> "RunConfig":
    """Return the settings of a process, which note the number of processes.

    Raises:
        SettingError: A setting needs one process.
    """
    options = config.training
    if options.minutes is not None:
        raise SettingError("`strategy` 'local-steps' must train for given `epochs`, but not `minutes`; give `epochs`")
    if options.averaging != "none":
        raise SettingError(
            f"`averaging` must be none with `strategy` 'local-steps', which averages the weights itself, but is "
            f"{options.averaging!r}; set it to none"
        )
    return replace(config, origin={**config.origin, PROCESSES: str(group.num_processes)})


def _require_group(config: "RunConfig", group: ProcessGroup) -> None:
    began, now = config.origin.get(PROCESSES), str(group.num_processes)
    if began != now:
        raise CheckpointError(
            f"a run must be resumed by as many processes as began it, {began}, but is by {now}; start {began}"
        )


class LocalSteps:
    """The exchange of a run at the end of each round. As a context, it begins and ends the exchange.

    Args:
        model: The model of this process.
        root: The run directory of this process.
        group: The processes; process 0 must have an address.
        secret: What all processes know and no one else does, such as the sum of their text.
        warn: Receives what happens to other processes.

    Raises:
        SettingError: The address of process 0 is not given.
    """

    def __init__(
        self, model: "LanguageModel", root: Path, group: ProcessGroup, secret: str, warn: Callable[[str], object]
    ) -> None:
        self._model = model
        self._path = root / _FILE
        self._group = group
        self._warn = warn
        self._seconds = float(os.environ.get(_SECONDS) or _DEFAULT_SECONDS)
        self._host, self._port = _address_of(group)
        self._key = key_of(os.environ.get(_KEY) or secret)
        client = WeightClient(self._host, self._port, group.process_id, key=self._key, seconds=self._seconds)
        self._client, self._num_rounds = client, 0
        self._server: WeightServer | None = None

    @classmethod
    def of(cls, model: "LanguageModel", config: "RunConfig", root: Path, warn: Callable[[str], object]) -> Self | None:
        """Return the exchange of a run, or `None` if its strategy is another.

        Raises:
            CheckpointError: Another number of processes began the run.
            SettingError: There is one process only, or no address of process 0.
        """
        strategy = config.training.strategy
        group = group_for(strategy) if strategy == "local-steps" else None
        if group is None:
            return None
        _require_group(config, group)
        return cls(model, root, group, config.origin["text_sha256"], warn)

    def own_part(self, ids: TokenIds) -> TokenIds:
        """Return the part of a text that this process reads; all parts have the same length."""
        length = len(ids) // self._group.num_processes
        return ids[self._group.process_id * length : (self._group.process_id + 1) * length]

    def exchange(self) -> None:
        """Replace the weights of this process by the shared weights after the round.

        Raises:
            ProcessLostError: Process 0 does not answer.
        """
        self._num_rounds, weights = self._client.exchange(self._num_rounds, self._model.named_weights())
        self._model.set_named_weights(weights)

    def __enter__(self) -> Self:
        """Start the server in process 0, and begin with the shared weights."""
        if self._group.is_first:
            begun = self._path.exists()
            outer = OuterWeights.read(self._path) if begun else OuterWeights.of(self._model.named_weights())
            self._server = WeightServer(
                outer, self._group.num_processes, seconds=self._seconds, save=self._save, warn=self._warn
            )
            self._server.listen(self._host, self._port, self._key)
        self._num_rounds, weights = self._client.current()
        self._model.set_named_weights(weights)
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        """End the exchange. Process 0 waits for the others, which need its answers."""
        if kind is not None:
            return
        if self._server is not None:
            self._server.wait_for_others(self._seconds)
        else:
            self._client.leave()

    def _save(self, outer: OuterWeights) -> None:
        outer.write(self._path)


def _address_of(group: ProcessGroup) -> tuple[str, int]:
    host, _, port = (group.address or "").rpartition(":")
    if not host or not port.isdecimal():
        raise SettingError(
            "`strategy` 'local-steps' needs the address of process 0, but has none; set "
            "KERAS_DISTRIBUTION_JOB_ADDRESSES to HOST:PORT in all processes"
        )
    return host, int(port)
