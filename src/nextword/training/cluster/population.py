"""Several runs side by side, and the weights of their mixture.

    RUN/member-0/       a run like any other; its seed is that of the settings
    RUN/member-1/       the next seed
    RUN/ensemble.json   the weight of each member, fitted on the validation split

The processes exchange nothing. The last one to finish fits the weights, so a member that was lost can be resumed later.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.run_directory import RunDirectory
from nextword.disk import strict_json
from nextword.disk.files import write_file
from nextword.engine.methods.method import mean_log_prob, mixture_weights
from nextword.engine.opening import open_model
from nextword.engine.stream import token_log_probs
from nextword.errors import BundleError, SettingError
from nextword.text.batching.window import TokenIds
from nextword.training.cluster.group import ProcessGroup

if TYPE_CHECKING:
    from nextword.training.config import RunConfig

POPULATION = "population"
"""Where the settings of a member name the number of members."""

_FILE = "ensemble.json"
_LOCK = ".lock-ensemble"
_MEMBER = "member-"
_FORMAT = 1


def member_directory(root: Path, number: int) -> Path:
    """Return the run directory of a member, counted from 0."""
    return root / f"{_MEMBER}{number}"


def member_directories(root: Path) -> list[Path]:
    """Return the run directories of the members that have begun; none if `root` holds no population."""
    numbers = [path.name.removeprefix(_MEMBER) for path in root.glob(f"{_MEMBER}*") if RunDirectory(path).is_run]
    return [member_directory(root, number) for number in sorted(int(each) for each in numbers if each.isdecimal())]


def as_member(config: "RunConfig", group: ProcessGroup) -> "RunConfig":
    """Return the settings of the member that this process trains: those of a run of its own.

    A member without settings of its own has the next seed.

    Raises:
        SettingError: There are settings for more or for fewer members than there are processes.
    """
    if config.members and len(config.members) != group.num_processes:
        raise SettingError(
            f"a population with {len(config.members)} tables [[member]] must have as many processes, but has "
            f"{group.num_processes}; start {len(config.members)}"
        )
    if config.members:
        own, seed = config.members[group.process_id], config.members[group.process_id].training.seed
    else:
        own, seed = config, config.seed_of(group.process_id)
    origin = {**config.origin, POPULATION: str(group.num_processes)}
    return replace(own, training=own.training.replace(seed=seed, strategy=None), origin=origin)


@dataclass(frozen=True)
class Ensemble:
    """The mixture of the members of a population.

    Attributes:
        weights: Weight of each member; they sum to one.
        perplexities: Validation perplexity of each member.
        perplexity: Validation perplexity of the mixture.
    """

    weights: tuple[float, ...]
    perplexities: tuple[float, ...]
    perplexity: float

    @classmethod
    def fit(cls, members: Sequence[Path], valid: TokenIds) -> Self:
        """Return the mixture with the highest probability of a validation split, read as one stream.

        Args:
            members: The run directories.
            valid: The ids of the split `(N,)`.
        """
        log_probs = np.array([_log_probs(RunDirectory(path).model, valid) for path in members])
        weights = mixture_weights(np.exp(log_probs))
        mixture = mean_log_prob(weights, np.exp(log_probs))
        return cls(
            tuple(float(weight) for weight in weights),
            tuple(float(np.exp(-own.mean())) for own in log_probs),
            float(np.exp(-mixture)),
        )

    @classmethod
    def read(cls, root: Path) -> Self | None:
        """Return the mixture of a population; `None` if its weights are not fitted yet.

        Raises:
            BundleError: The file is damaged.
        """
        path = root / _FILE
        if not path.is_file():
            return None
        try:
            table = strict_json.parse(path.read_bytes())
            weights, perplexities = (tuple(map(float, table[name])) for name in ("weights", "perplexities"))
            if table["format"] != _FORMAT or not len(weights) == len(perplexities) == len(member_directories(root)):
                raise ValueError(f"must have format {_FORMAT} and a weight for each member")
            return cls(weights, perplexities, float(table["perplexity"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"`{path}` must be the weights of an ensemble, but is not ({error}); remove it"
            ) from error

    def write(self, root: Path) -> None:
        """Write the mixture into the directory of its population.

        Raises:
            StorageError: The file cannot be written.
        """
        table = {
            "format": _FORMAT,
            "weights": self.weights,
            "perplexities": self.perplexities,
            "perplexity": self.perplexity,
        }
        write_file(root / _FILE, (json.dumps(table, indent=2) + "\n").encode())

    def describe(self) -> str:
        """Return the result in one sentence."""
        weights = ", ".join(f"{weight:.4f}" for weight in self.weights)
        return (
            f"ensemble of {len(self.weights)}: valid perplexity {self.perplexity:.2f}, best member "
            f"{min(self.perplexities):.2f}, weights {weights}"
        )


def fit_if_complete(root: Path, num_members: int, valid: TokenIds) -> Ensemble | None:
    """Fit and write the weights of a population if all its members are finished; else return `None`.

    Raises:
        StorageError: The result cannot be written.
    """
    from filelock import FileLock  # reading a population needs no lock

    members = [member_directory(root, number) for number in range(num_members)]
    with FileLock(root / _LOCK):  # the last two may finish together
        if not all(RunDirectory(member).metrics_file.is_file() for member in members):
            return None
        ensemble = Ensemble.fit(members, valid)
        ensemble.write(root)
        return ensemble


def _log_probs(model: Path, ids: TokenIds) -> NDArray[np.float64]:
    return token_log_probs(open_model(model).engine, ids)
