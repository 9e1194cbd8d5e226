"""Weights that are read when one of them is first asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

Weight = np.ndarray[Any, np.dtype[np.float32]]


class DeferredWeights(Mapping[str, Weight]):
    """The weights of a bundle whose model runs without them, from `model.onnx`.

    Args:
        names: Their names, in order.
        read: Returns them, checked; called at most once.
    """

    def __init__(self, names: Iterable[str], read: Callable[[], Mapping[str, Weight]]) -> None:
        self._names = tuple(names)
        self._read = read

    @cached_property
    def _weights(self) -> Mapping[str, Weight]:
        return self._read()

    def __getitem__(self, name: str) -> Weight:
        return self._weights[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names
