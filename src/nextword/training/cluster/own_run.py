"""The run of its own that a process has if several train side by side."""

from pathlib import Path
from typing import TYPE_CHECKING

from nextword.bundle.run_directory import RunDirectory
from nextword.errors import CheckpointError
from nextword.training.cluster.group import ProcessGroup, group_for
from nextword.training.cluster.local_steps import as_process, process_directory
from nextword.training.cluster.population import as_member, member_directories, member_directory

if TYPE_CHECKING:
    from nextword.training.config import RunConfig


def own_run(root: Path, config: "RunConfig") -> tuple[Path, "RunConfig"]:
    """Return the directory and the settings of the run that this process begins.

    Args:
        root: The directory that was asked for.
        config: The settings that were asked for.

    Raises:
        SettingError: Strategy and processes do not go together.
    """
    group, strategy = group_for(config.training.strategy), config.training.strategy
    if group is None or strategy == "data-parallel":
        return root, config
    if strategy == "population":
        return member_directory(root, group.process_id), as_member(config, group)
    return process_directory(root, group.process_id), as_process(config, group)


def own_directory(root: Path) -> Path:
    """Return the directory of the run that this process resumes.

    Args:
        root: The directory of a run, or of several that began together.

    Raises:
        CheckpointError: `root` holds a population, and this process is none of its members.
    """
    group = ProcessGroup.from_environment()
    if group is not None and RunDirectory(process_directory(root, group.process_id)).is_run:
        return process_directory(root, group.process_id)
    members = member_directories(root)
    if not members or RunDirectory(root).is_run:
        return root
    own = None if group is None else member_directory(root, group.process_id)
    if own not in members:
        raise CheckpointError(
            f"`{root}` must be resumed by a process for each member, but this process is none of them; "
            f"use `nextword launch -n {len(members)} train --resume {root}`, or resume one, such as {members[0]}"
        )
    return own
