"""The processes that train together, as a launcher describes them in the environment."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self

from nextword.errors import SettingError

Strategy = Literal["data-parallel", "local-steps", "population"]
"""How several processes train."""

_KERAS = ("KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID")
_ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
_LAUNCHERS = (
    _KERAS,
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
)
"""Number of processes and number of this process, as Keras, Open MPI and Slurm name them. The first pair wins."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one training run.

    Attributes:
        num_processes: Number of processes.
        process_id: Number of this process, from 0.
        address: `HOST:PORT` of process 0; `None` if JAX finds it, as under Slurm.

    Raises:
        SettingError: `process_id` is not below `num_processes`.
    """

    num_processes: int
    process_id: int
    address: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.process_id < self.num_processes:
            raise SettingError(
                f"the number of a process must be from 0 to {self.num_processes - 1}, but is {self.process_id}; "
                f"correct {_KERAS[1]}, or the launcher"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Return the group that this process belongs to; `None` if no launcher started it.

        Raises:
            SettingError: A variable is not a number, or one of a pair is missing.

        Example:
            >>> ProcessGroup.from_environment({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"})
            ProcessGroup(num_processes=4, process_id=3, address=None)
        """
        for pair in _LAUNCHERS:
            given = [environment[name] for name in pair if name in environment]
            if not given:
                continue
            if len(given) < len(pair) or not all(value.isdecimal() for value in given):
                shown = ", ".join(f"{name}={environment.get(name, '')}" for name in pair)
                raise SettingError(f"{' and '.join(pair)} must both be whole numbers, but are {shown}; set both")
            address = environment.get(_ADDRESSES, "").partition(",")[0] or None
            return cls(int(given[0]), int(given[1]), address)
        return None

    @property
    def is_first(self) -> bool:
        """Whether this process writes what all share."""
        return self.process_id == 0

    def to_environment(self) -> dict[str, str]:
        """Return the variables from which a process of its own reads this group."""
        variables = dict(zip(_KERAS, (str(self.num_processes), str(self.process_id)), strict=True))
        return variables | ({_ADDRESSES: self.address} if self.address else {})


class Membership:
    """The part of this process in a run that several processes share.

    Attributes:
        is_follower: Whether another process writes the files and reports.
        must_leave_at_once: Whether this process must not wait for the others when it ends.
    """

    is_follower = False
    must_leave_at_once = False

    @classmethod
    @contextmanager
    def of(cls, group: ProcessGroup | None) -> Iterator[None]:
        """Be a member of a group in the block; `None` is no group.

        If the block fails, `leave` ends this process without waiting for the others. JAX would wait for all of them,
        and they wait for this one in the middle of a step.
        """
        cls.is_follower = group is not None and not group.is_first
        try:
            yield
        except BaseException:
            cls.must_leave_at_once = group is not None
            raise


def leave(code: int) -> None:
    """End this process at once with an exit code if a shared run has failed; otherwise do nothing."""
    if Membership.must_leave_at_once:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def group_for(strategy: Strategy | None) -> ProcessGroup | None:
    """Return the processes that share a run; `None` for a run of one process.

    Raises:
        SettingError: There is a strategy without processes, or `nextword launch` started processes without a strategy.
    """
    group = ProcessGroup.from_environment()
    if strategy is None:
        if group is not None and group.num_processes > 1 and _KERAS[0] in os.environ:
            raise SettingError(
                f"`strategy` must say how {group.num_processes} processes train, but is not given; add "
                "`--strategy population` or `--strategy data-parallel`"
            )
        return None
    if group is None:
        raise SettingError(
            f"`strategy` {strategy!r} needs several processes, but this is one; start them with "
            "`nextword launch -n 2 train ...`, Slurm or Open MPI"
        )
    return group
