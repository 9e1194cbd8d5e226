import sys

import pytest

import nextword.ray
from nextword.errors import MissingExtraError


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"nextword\[ray\]"):
        nextword.ray.train("my-text.txt", strategy="population", num_processes=2, run="runs/pair")
