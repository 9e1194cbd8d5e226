"""Chooses the processes that train a run: one, or several by a strategy, of which a population is the simplest.

The processes of a population exchange nothing. The last one to finish fits the weights of the mixture of their models,
so a member that was lost can be resumed later.
"""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, override

import numpy as np

from nextword.bundle.population import POPULATION, Ensemble, member_directories, member_directory
from nextword.bundle.run_directory import RunDirectory
from nextword.engine.mixture.tuning import mean_log_prob, mixture_weights
from nextword.engine.opening import open_model
from nextword.engine.stream import token_log_probs
from nextword.errors import CheckpointError, SettingError
from nextword.text.batching.window import TokenIds
from nextword.training.cluster.group import ProcessGroup, group_for
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.solo import Solo

if TYPE_CHECKING:
    from nextword.text.corpus import Corpus

_LOCK = ".lock-ensemble"


class Member(Solo):
    """One of several processes, each of which trains a model by itself; without a `group`, one that has begun."""

    def __init__(self, group: ProcessGroup | None = None) -> None:
        self._group = group or ProcessGroup(1, 0)

    @override
    def directory(self, root: Path) -> Path:
        return member_directory(root, self._group.process_id)

    @override
    def settings(self, config: RunConfig) -> RunConfig:
        """Return the settings of this member; if it has no table of its own, those of all with the next seed."""
        members, number, num_members = config.members, self._group.process_id, self._group.num_processes
        if members and len(members) != num_members:
            raise SettingError(
                f"a population with {len(members)} tables [[member]] must have as many processes, but has "
                f"{num_members}; start {len(members)}"
            )
        own = members[number] if members else config
        seed = own.training.seed if members else config.seed_of(number)
        origin = {**config.origin, POPULATION: str(num_members)}
        return replace(own, training=own.training.replace(seed=seed, strategy=None), origin=origin)

    @override
    def finish(self, root: Path, text: "Corpus", context: RunContext) -> None:
        """Fit the weights of the mixture if this is the last member to finish."""
        population, num_members = root.parent, int(RunConfig.of_run(RunDirectory(root)).origin[POPULATION])
        ensemble = _fit_if_complete(population, num_members, text.valid.ids)
        if ensemble is None:
            context.say(
                f"{population} has members that are not finished; the last one fits the weights of the ensemble"
            )
            return
        context.say(
            f"{ensemble.describe()}\nevaluate it with: nextword evaluate {shlex.quote(str(population))} --ensemble\n"
            f"distill it with: nextword train {shlex.quote(text.stored_name)} --teacher {shlex.quote(str(population))}"
        )


def _fit_if_complete(root: Path, num_members: int, valid: TokenIds) -> Ensemble | None:
    """Write the mixture with the highest probability of a validation split; `None` if a member is not finished."""
    from filelock import FileLock  # reading a population needs no lock

    members = [member_directory(root, number) for number in range(num_members)]
    with FileLock(root / _LOCK):  # the last two may finish together
        if not all(RunDirectory(member).metrics_file.is_file() for member in members):
            return None
        log_probs = np.array([token_log_probs(open_model(RunDirectory(path).model).network, valid) for path in members])
        weights = mixture_weights(np.exp(log_probs))
        mixture = mean_log_prob(weights, np.exp(log_probs))
        perplexities = tuple(float(np.exp(-own.mean())) for own in log_probs)
        ensemble = Ensemble(tuple(float(weight) for weight in weights), perplexities, float(np.exp(-mixture)))
        ensemble.write(root)
        return ensemble


def cluster_of(config: RunConfig, *, has_model: bool = False) -> Solo:
    """Return the processes of a run, of which this is one. They meet when the context of the result begins.

    Raises:
        SettingError: Strategy, processes and model do not go together.
    """
    strategy, group = config.training.strategy, None
    if POPULATION not in config.origin:  # a member has begun as one, and trains by itself
        group = group_for(strategy)
        if group is None:
            return Solo()
    if group is None or strategy == "population":
        return Member(group)
    if has_model:
        raise SettingError(f"`strategy` {strategy!r} must build the model itself, but `model` is given; leave it out")
    if strategy == "local-steps":
        from nextword.training.cluster.local_steps import LocalSteps

        return LocalSteps(group)
    from nextword.training.cluster.data_parallel import DataParallel  # needs JAX

    return DataParallel(group)


def own_directory(root: Path) -> Path:
    """Return the directory of the run that this process resumes.

    Raises:
        CheckpointError: `root` holds a population, and this process is none of its members.
    """
    members = member_directories(root)
    if not members or RunDirectory(root).is_run:
        return root
    group = ProcessGroup.from_environment()
    own = None if group is None else member_directory(root, group.process_id)
    if own not in members:
        num_members = RunConfig.of_run(RunDirectory(members[0])).origin[POPULATION]
        raise CheckpointError(
            f"`{root}` must be resumed by a process for each member, but this process is none of them; "
            f"use `nextword launch -n {num_members} train --resume {root}`, or resume one, such as {members[0]}; "
            "if a member never began, repeat the command that began them"
        )
    return own
