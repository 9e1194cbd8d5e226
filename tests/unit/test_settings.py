import json
import tomllib
from dataclasses import FrozenInstanceError, dataclass
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.settings import Settings, setting, unknown_name


@dataclass(frozen=True, kw_only=True)
class Oven(Settings):
    group: ClassVar[str] = "oven"

    degrees: int = setting(help="How hot.", at_least=50, at_most=300)
    share: float = setting(0.5, help="How full.", at_least=0.0, below=1.0)
    fan: bool = setting(False, help="Whether air moves.")
    heat: Literal["top", "both"] = setting("both", help="Where from.")
    label: str = setting("bread", help="What is in it.")
    minutes: int | None = setting(None, help="How long.", at_least=1)
    levels: tuple[int, ...] = setting((1,), help="Which are used.", at_least=1, at_most=5)
    weights: tuple[float, ...] = setting((1.0,), help="Of what is in it.", at_least=0.0)
    alarms: tuple[int, ...] = setting((), help="When it rings.", at_least=1)


ovens = st.builds(
    Oven,
    degrees=st.integers(50, 300),
    share=st.floats(0, 1, exclude_max=True),
    fan=st.booleans(),
    heat=st.sampled_from(["top", "both"]),
    label=st.text(),
    minutes=st.none() | st.integers(1, 10**9),
    levels=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    weights=st.lists(st.floats(0, 100), min_size=1, max_size=4).map(tuple),
    alarms=st.lists(st.integers(1, 9), max_size=2).map(tuple),
)


@settings(deadline=None)
@given(ovens)
def test_a_table_survives_json(oven: Oven) -> None:
    assert Oven.from_table(json.loads(json.dumps(oven.to_table()))) == oven


def test_a_table_is_read_from_toml() -> None:
    table = tomllib.loads('degrees = 200\nfan = true\nlevels = [1, 3]\nweights = [2, 0.5]\nheat = "top"')
    assert Oven.from_table(table) == Oven(degrees=200, fan=True, levels=(1, 3), weights=(2.0, 0.5), heat="top")


def test_none_is_not_in_the_table() -> None:
    assert "minutes" not in Oven(degrees=100).to_table()
    assert Oven(degrees=100, minutes=3).to_table()["minutes"] == 3


def test_an_integer_is_accepted_as_a_float() -> None:
    share = Oven(degrees=100, share=0).share
    assert type(share) is float
    assert share == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"degrees": 49}, "`degrees` must be at least 50, but is 49"),
        ({"degrees": 301}, "`degrees` must be at most 300, but is 301"),
        ({"degrees": 100.0}, "`degrees` must be of type int, but is 100.0"),
        ({"degrees": True}, "`degrees` must be of type int, but is True"),
        ({"degrees": "100"}, "`degrees` must be of type int, but is '100'"),
        ({"degrees": None}, "`degrees` must be of type int, but is None"),
        ({"degrees": [100]}, "`degrees` must be of type int, but is [100]"),
        ({"share": 1.0}, "`share` must be below 1.0, but is 1.0"),
        ({"share": 1}, "`share` must be below 1.0, but is 1.0"),
        ({"share": -1e-9}, "`share` must be at least 0.0, but is -1e-09"),
        ({"share": float("nan")}, "`share` must be a finite number, but is nan"),
        ({"share": float("inf")}, "`share` must be a finite number, but is inf"),
        ({"share": False}, "`share` must be of type float, but is False"),
        ({"fan": 1}, "`fan` must be of type bool, but is 1"),
        ({"fan": "yes"}, "`fan` must be of type bool, but is 'yes'"),
        ({"heat": "bottom"}, "`heat` must be one of top, both, but is 'bottom'"),
        ({"heat": ["top"]}, "`heat` must be one of top, both, but is ['top']"),
        ({"label": 1}, "`label` must be of type str, but is 1"),
        ({"minutes": 0}, "`minutes` must be at least 1, but is 0"),
        ({"levels": ()}, "`levels` must be a list with at least one element, but is ()"),
        ({"levels": 1}, "`levels` must be a list with at least one element, but is 1"),
        ({"levels": "12"}, "`levels` must be a list with at least one element, but is '12'"),
        ({"levels": (1, 6)}, "`levels` must be at most 5, but is 6"),
        ({"levels": (1, True)}, "`levels` must be of type int, but is True"),
        ({"levels": (1, (2,))}, "`levels` must be of type int, but is (2,)"),
        ({"weights": (1.0, float("nan"))}, "`weights` must be a finite number, but is nan"),
        ({"alarms": 3}, "`alarms` must be a list, but is 3"),
        ({"alarms": (3, 0)}, "`alarms` must be at least 1, but is 0"),
    ],
)
def test_the_error_names_the_rule_and_the_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as error:
        Oven(**{"degrees": 100, **changes})
    assert str(error.value) == message
    table = {name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()}
    with pytest.raises(SettingError):
        Oven.from_table({"degrees": 100, **table})


@pytest.mark.parametrize("name", ["degrees", "share", "weights"])
@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["huge", "hugely negative"])
def test_an_integer_beyond_every_float_is_refused(name: str, number: int) -> None:
    value: Any = [number] if name == "weights" else number
    with pytest.raises(SettingError, match=f"`{name}` must be"):
        Oven.from_table({"degrees": 100, name: value})


def test_the_error_names_a_missing_value_and_the_repair() -> None:
    with pytest.raises(SettingError, match=r"\[oven\] requires `degrees`, but it is missing; add `degrees = ...`"):
        Oven.from_table({"fan": True})


@pytest.mark.parametrize("name", ["degress", "group", "__class__", ""])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match=rf"`{name}` is not a setting of \[oven\]"):
        Oven.from_table({"degrees": 100, name: 1})


def test_the_error_suggests_the_nearest_name() -> None:
    assert unknown_name("preset", "tutorail", ["small", "tutorial"]) == (
        "`tutorail` is not a preset; did you mean `tutorial`?"
    )
    assert unknown_name("preset", "xyz", ["small", "large"]) == "`xyz` is not a preset; known: large, small"
    assert len(unknown_name("preset", "x" * 100_000, ["small", "large"])) < 200


def test_settings_are_immutable_and_checked_when_replaced() -> None:
    oven = Oven(degrees=100)
    with pytest.raises(FrozenInstanceError):
        oven.degrees = 200  # type: ignore[misc]
    assert oven.replace(degrees=200) == Oven(degrees=200)
    with pytest.raises(SettingError, match="at most 300"):
        oven.replace(degrees=301)
