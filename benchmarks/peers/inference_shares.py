"""Read the sentences to score, which `random_models.py` has written."""

from pathlib import Path
from typing import Any

import numpy as np

Share = dict[str, Any]


def read_shares(settings: dict[str, Any]) -> list[Share]:
    """Return the arrays of each share, by name."""
    paths = sorted(Path(settings["folder"]).glob("share-*.npz"), key=lambda path: int(path.stem.split("-")[1]))
    return [read_share(path) for path in paths]


def read_share(path: Path) -> Share:
    """Return the arrays of one share."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
