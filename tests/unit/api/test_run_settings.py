"""The typed settings of `nextword.train` are those that are declared."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any

from nextword.api.run_settings import RunSettings
from nextword.model.architecture import ModelOptions
from nextword.text.batching.options import BatchOptions
from nextword.text.options import TextOptions
from nextword.training.options import TrainingOptions


def _as_given(hint: Any) -> Any:
    """A tuple may be given as any sequence; all other types are those of the declaration."""
    if typing.get_origin(hint) is tuple:
        return Sequence[typing.get_args(hint)[0]]  # type: ignore[misc]
    return hint


def test_every_declared_setting_is_there_with_its_type() -> None:
    declared = {
        field.name: _as_given(typing.get_type_hints(kind)[field.name])
        for kind in (TextOptions, ModelOptions, BatchOptions, TrainingOptions)
        for field in dataclasses.fields(kind)
    }
    assert typing.get_type_hints(RunSettings) == declared
    assert any(isinstance(hint, types.UnionType) for hint in declared.values())
