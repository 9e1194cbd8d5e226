"""The bounds come from the environment, and the documentation tells of each."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from nextword.errors import SettingError
from nextword.serving.settings import API_KEYS_VARIABLE, ServingSettings

PAGE = (Path(__file__).parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")


def test_each_bound_has_a_variable() -> None:
    for field in fields(ServingSettings):
        least = field.metadata["at_least"]
        found = ServingSettings.from_environment({f"NEXTWORD_SERVE_{field.name.upper()}": str(least)})
        assert getattr(found, field.name) == least
    assert ServingSettings.from_environment({"HOME": "/", "NEXTWORD_DATA": "/"}) == ServingSettings()


@pytest.mark.parametrize("value", ["", "many", "1.5", "-1", "0", "1e9", "nan", "9" * 30])
def test_a_bad_value_is_refused_with_its_variable(value: str) -> None:
    with pytest.raises(SettingError, match="NEXTWORD_SERVE_MAX_TOKENS"):
        ServingSettings.from_environment({"NEXTWORD_SERVE_MAX_TOKENS": value})


@pytest.mark.parametrize("value", ["", "long", "nan", "inf", "-1", "0"])
def test_a_bad_time_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match="NEXTWORD_SERVE_"):
        ServingSettings.from_environment({"NEXTWORD_SERVE_RECEIVE_SECONDS": value})


def test_a_misspelled_variable_is_refused_with_the_right_one() -> None:
    with pytest.raises(SettingError, match="NEXTWORD_SERVE_MAX_TOKENS"):
        ServingSettings.from_environment({"NEXTWORD_SERVE_MAX_TOKEN": "5"})


def test_variables_of_others_are_ignored() -> None:
    others = {
        API_KEYS_VARIABLE: "k" * 20,
        "NEXTWORD_SERVE_SERVICE_HOST": "10.0.0.1",
        "NEXTWORD_SERVE_PORT": "tcp://10.0.0.1:80",
        "NEXTWORD_SERVE_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert ServingSettings.from_environment(others) == ServingSettings()


def test_the_page_tells_of_every_bound_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([0-9.]+) \|", PAGE, re.MULTILINE))
    assert {name: float(value) for name, value in rows.items()} == vars(ServingSettings())
