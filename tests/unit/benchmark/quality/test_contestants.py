import pytest

from nextword.benchmark.quality.contestants import chosen, contestants
from nextword.errors import SettingError


def test_every_program_is_there() -> None:
    assert all(entry.program.is_file() for entry in contestants().values())


def test_all_run_unless_some_are_named_in_an_order_of_ours() -> None:
    entries = contestants()
    assert chosen(entries, None) == chosen(entries, "all") == list(entries.values())
    assert [entry.name for entry in chosen(entries, "tutorial, nextword")] == ["nextword", "tutorial"]


def test_a_name_that_is_not_known_is_refused() -> None:
    with pytest.raises(SettingError, match="transformr"):
        chosen(contestants(), "transformr")
