"""Settings: frozen dataclasses whose fields declare their range and their help text.

From one declaration follow the check (`__post_init__`), the TOML and JSON form (`from_table`, `to_table`), and the
command-line flag (`cli/options/setting_option.py`), so that the three can never disagree.
"""

import dataclasses
import math
import operator
import os
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self

from nextword.errors import SettingError

# A float represents all integers up to this one exactly.
_EXACT = 2**53

_LONGEST_NAME = 100  # characters of an unknown name that a message repeats

_TRAIN_AGAIN = "leave it out, or train the model again"

_REMOVED = {
    **dict.fromkeys(("mixture_size", "latent_dropout_rate", "mos"), "the mixture of softmaxes"),
    **dict.fromkeys(("adaptive_cutoffs", "adaptive_factor"), "the adaptive softmax"),
    **dict.fromkeys(("mogrifier_lstm", "mogrifier_rounds", "mogrifier_rank", "mogrifier"), "the Mogrifier"),
    "cap_input_gate": "the capped input gate",
    "layer_normalization": "layer normalization",
    "skip_connections": "skip connections between layers",
    "narrowed_output": "the narrowed output",
    "state_dropout_rate": "dropout on the recurrent state",
    "melis-10m": "the model of Melis, Dyer and Blunsom (2018)",
    "one_cycle": "the schedule of one cycle",
    **dict.fromkeys(("plateau", "plateau_rounds"), "the plateau schedule"),
    "averaging_latest_round": "the latest round at which averaging begins",
    "reset_rate": "random resets of the state",
    **dict.fromkeys(("beta_1", "beta_2"), "decays of Adam, which are 0.9 and 0.999"),
    "warmup_fraction": "the length of the warmup, which is a twentieth of all steps",
    "averaging_decay": "the decay of an exponential average, which is 0.999",
    "averaging_patience": "the patience of triggered averaging, which is 5 rounds",
    "teacher_weight": "the teacher's share of the loss, which is a half",
    "skip_step": "overlapping windows",
    "shuffle_seed": "a seed of the windows",
}
"""Settings, presets and values of earlier versions, and what each of them asks for."""


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    unset: str = "",
    task: str = "",
    flag: str = "",
) -> Any:
    """Return a dataclass field with its range and what the command line says about it.

    Args:
        default: The value if none is given; the field is required if this is left out.
        help: One or two sentences.
        at_least: The smallest value. For a tuple, all ranges hold for each element.
        at_most: The largest value.
        below: A limit that the value must not reach.
        unset: What happens if the value is `None` or an empty tuple, in a few words.
        task: The heading of the help that the flag is listed under, if it is another than that of its class.
        flag: The name of the flag, if it differs from the name of the field.
    """
    ranges = {"at_least": at_least, "at_most": at_most, "below": below, "may_be_empty": default == ()}
    shown = {"help": help, "unset": unset, "task": task, "flag": flag}
    return dataclasses.field(default=default, metadata={**ranges, **shown})


def rate(default: float = 0.0, *, help: str, task: str = "") -> Any:
    """Return a dataclass field for a fraction or a probability: at least 0, below 1, and 0 by default."""
    return setting(default, help=help, at_least=0.0, below=1.0, task=task)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The base class of all settings: checked at construction, then immutable.

    Subclasses are frozen keyword-only dataclasses. Their fields are `bool`, `int`, `float`, `str`, a `Literal` of
    strings, a tuple of numbers, or one of these or `None`.

    Raises:
        SettingError: A value has the wrong type or is out of range.
    """

    group: ClassVar[str] = "settings"
    task: ClassVar[str] = ""

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _checked(field.name, getattr(self, field.name), hints[field.name], field.metadata)
            object.__setattr__(self, field.name, value)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Create the settings from a parsed TOML or JSON table.

        Raises:
            SettingError: A name is unknown or missing, or a value is invalid.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in table:
            if name not in fields:
                raise SettingError(unknown_name(f"setting of [{cls.group}]", name, fields))
        for name, field in fields.items():
            if name not in table and field.default is dataclasses.MISSING:
                raise SettingError(f"[{cls.group}] requires `{name}`, but it is missing; add `{name} = ...`")
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})

    def to_table(self) -> dict[str, Any]:
        """Return the settings as a table for TOML or JSON, without those that are `None`."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if value is not None
        }

    def replace(self, **changes: Any) -> Self:
        """Return a checked copy with some values changed."""
        return dataclasses.replace(self, **changes)


def require_text(name: str, value: object, otherwise: str = "") -> None:
    """Check that an argument is a string.

    Args:
        name: The argument.
        value: What was passed.
        otherwise: What to do with another type, such as "use `score_lines` for several lines".
    """
    if not isinstance(value, str):
        advice = f"; {otherwise}" if otherwise else ""
        raise SettingError(f"`{name}` must be a string, but is of type {type(value).__name__}{advice}")


def require_path(name: str, value: object) -> None:
    """Check that an argument is a string or a `Path`."""
    if not isinstance(value, str | os.PathLike):
        raise SettingError(f"`{name}` must be a string or a `Path`, but is of type {type(value).__name__}")


def require_several(name: str, value: object, of: str = "strings") -> None:
    """Check that an argument is not one string, or something that holds none."""
    if isinstance(value, str):
        advice = "pass `[text]`, or `text.splitlines()` for several lines"
        raise SettingError(f"`{name}` must be a list of {of}, but is one string; {advice}")
    if not isinstance(value, Iterable):
        raise SettingError(f"`{name}` must be a list of {of}, but is of type {type(value).__name__}")


def require_at_least(name: str, value: int, least: int) -> None:
    """Check that a number is a whole one, and at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise SettingError(f"`{name}` must be a whole number, but is {value!r}")
    if value < least:
        raise SettingError(f"`{name}` must be at least {least}, but is {value}")


def require_one_of(name: str, value: object, known: Sequence[object]) -> None:
    """Refuse a value that is not in a list."""
    if value not in known:
        if asked_for := _REMOVED.get(str(value)):
            raise SettingError(f"`{name}` {value} asks for {asked_for}, which nextword no longer has; {_TRAIN_AGAIN}")
        raise SettingError(f"`{name}` must be one of {', '.join(map(str, known))}, but is {value!r}")


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Return the error message for an unknown name, which suggests the most similar known one."""
    known, shown = sorted(known), str(name)
    if shown in _REMOVED:
        return f"`{shown}` asks for {_REMOVED[shown]}, which nextword no longer has; {_TRAIN_AGAIN}"
    if len(shown) > _LONGEST_NAME:
        shown = f"{shown[:_LONGEST_NAME]}..."
    near = get_close_matches(shown, known, n=1)
    repair = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
    return f"`{shown}` is not a {kind}; {repair}"


def _checked(name: str, value: Any, hint: Any, limits: Mapping[str, Any]) -> Any:
    """Return `value` converted to the type of `hint`, or raise a `SettingError`."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):  # the second for a `Literal` or `None`
        if value is None:
            return None
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        require_one_of(name, value, typing.get_args(hint))
        return value
    if origin is tuple:
        if not isinstance(value, tuple) or not (value or limits.get("may_be_empty")):
            least = "" if limits.get("may_be_empty") else " with at least one element"
            raise SettingError(f"`{name}` must be a list{least}, but is {value!r}")
        return tuple(_checked(name, element, typing.get_args(hint)[0], limits) for element in value)
    return _checked_scalar(name, value, hint, limits)


def _checked_scalar(name: str, value: Any, kind: type, limits: Mapping[str, Any]) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT:
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise SettingError(f"`{name}` must be of type {kind.__name__}, but is {value!r}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not abs(value) < math.inf:  # `math.isfinite` fails for integers that are larger than any float
        raise SettingError(f"`{name}` must be a finite number, but is {value}")
    rules = (
        ("at_least", "at least", operator.ge),
        ("at_most", "at most", operator.le),
        ("below", "below", operator.lt),
    )
    for rule, words, holds in rules:
        limit = limits.get(rule)
        if limit is not None and not holds(value, limit):
            raise SettingError(f"`{name}` must be {words} {limit}, but is {value}")
    return value


def read_tables(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file of settings.

    Raises:
        SettingError: The file cannot be read or is not TOML.
    """
    import tomllib  # a suggestion needs no TOML

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(
            f"the settings in {path} cannot be read: {error.strerror}; give the path of a TOML file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingError(f"the settings in {path} must be valid TOML, but are not: {error}; correct them") from error
