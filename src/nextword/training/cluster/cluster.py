"""Chooses the processes that train a run: one, or several by a strategy."""

from pathlib import Path

from nextword.bundle.population import POPULATION, member_directories, member_directory
from nextword.bundle.run_directory import RunDirectory
from nextword.errors import CheckpointError, SettingError
from nextword.training.cluster.group import ProcessGroup, group_for
from nextword.training.config import RunConfig
from nextword.training.solo import Solo


def cluster_of(config: RunConfig, *, has_model: bool = False) -> Solo:
    """Return the processes of a run, of which this is one. They meet when the context of the result begins.

    Args:
        config: The settings that were asked for, or that a run began with.
        has_model: Whether the user made the model.

    Raises:
        SettingError: Strategy, processes and model do not go together.
    """
    strategy, group = config.training.strategy, None
    if POPULATION not in config.origin:  # a member has begun as one, and trains by itself
        group = group_for(strategy)
        if group is None:
            return Solo()
    if group is None or strategy == "population":
        from nextword.training.cluster.population import Member

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

    Args:
        root: The directory of a run or of a population.

    Raises:
        CheckpointError: `root` holds a population, and this process is none of its members.
    """
    members = member_directories(root)
    if not members or RunDirectory(root).is_run:
        return root
    group = ProcessGroup.from_environment()
    own = None if group is None else member_directory(root, group.process_id)
    if own not in members:
        raise CheckpointError(
            f"`{root}` must be resumed by a process for each member, but this process is none of them; "
            f"use `nextword launch -n {len(members)} train --resume {root}`, or resume one, such as {members[0]}"
        )
    return own
