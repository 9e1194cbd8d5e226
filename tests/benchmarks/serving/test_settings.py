import pytest

from harness.serving.settings import LoadSettings, ScenarioSettings
from nextword.errors import SettingError


def test_settings_survive_json() -> None:
    for settings in (LoadSettings(clients=(2, 3), seconds=0.5), ScenarioSettings(overload=3.5)):
        assert type(settings).from_table(settings.to_table()) == settings


def test_the_shortest_answer_is_no_longer_than_the_longest() -> None:
    with pytest.raises(SettingError, match="`least_tokens` must be at most `most_tokens`, 8, but is 9"):
        LoadSettings(least_tokens=9, most_tokens=8)
