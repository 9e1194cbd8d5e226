"""A population of runs on the disk, and the weights of their mixture.

RUN/member-0/       a run like any other; its seed is that of the settings
RUN/member-1/       the next seed
RUN/ensemble.json   the weight of each member, fitted on the validation split
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nextword.bundle.run_directory import RunDirectory
from nextword.errors import BundleError
from nextword.system import strict_json
from nextword.system.files import write_file

POPULATION = "population"
"""Where the settings of a member name the number of members."""

_FILE = "ensemble.json"
_MEMBER = "member-"
_FORMAT = 1


def member_directory(root: Path, number: int) -> Path:
    """Return the run directory of a member, counted from 0."""
    return root / f"{_MEMBER}{number}"


def member_directories(root: Path) -> list[Path]:
    """Return the run directories of the members that have begun; none if `root` holds no population."""
    numbers = [path.name.removeprefix(_MEMBER) for path in root.glob(f"{_MEMBER}*") if RunDirectory(path).is_run]
    return [member_directory(root, number) for number in sorted(int(name) for name in numbers if name.isdecimal())]


def name_in_logs(root: Path) -> str:
    """Return the name of a run; for a member, after the name of its population, since each has a member 0."""
    parts = root.absolute().parts
    return "/".join(parts[-2:] if parts[-1].startswith(_MEMBER) else parts[-1:])


@dataclass(frozen=True)
class Ensemble:
    """The mixture of the members of a population."""

    weights: tuple[float, ...]  # weight of each member; they sum to one
    perplexities: tuple[float, ...]  # validation perplexity of each member
    perplexity: float

    @classmethod
    def read(cls, root: Path) -> Self | None:
        """Return the mixture of a population; `None` if its weights are not fitted yet."""
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
        """Write the mixture into the directory of its population."""
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
