"""The models that the directory of a population stands for."""

from collections.abc import Sequence
from pathlib import Path

from nextword.cli.target import Target
from nextword.training.population import Ensemble, member_directories


def members_in(arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Replace each population among the arguments of a command by its members.

    Returns:
        The arguments, and the fitted weights if there is one population and no other model; otherwise no weights.

    Raises:
        BundleError: The weights of a population are damaged.
    """
    expanded: list[str] = []
    populations: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        members = [] if Target.is_at(path) else member_directories(path)
        if members:
            populations.append(path)
        expanded += [str(member) for member in members] or [argument]
    ensemble = Ensemble.read(populations[0]) if len(populations) == 1 else None
    models = [argument for argument in expanded if Target.is_at(Path(argument))]
    fitted = ensemble.weights if ensemble is not None and len(models) == len(ensemble.weights) else ()
    return tuple(expanded), fitted
