import pytest

from harness.ideas.idea import IDEAS, REFERENCE, ideas_named
from nextword.engine.methods.chain import methods_of
from nextword.errors import SettingError
from nextword.training.config import RunConfig, tables_of


def test_each_idea_has_a_name_of_its_own_and_switches_exactly_one_kind_of_thing() -> None:
    assert len({idea.name for idea in IDEAS}) == len(IDEAS)
    for idea in IDEAS[1:]:
        assert bool(idea.settings) + bool(idea.methods) + idea.is_ensemble == 1


def test_the_settings_of_each_idea_differ_from_the_preset() -> None:
    """An idea that the preset has already would be worth nothing, whatever it does."""
    preset = RunConfig.of("quick", {}).to_tables()
    for idea in IDEAS:
        changed = RunConfig.of("quick", tables_of(idea.settings)).to_tables()
        assert (changed != preset) == bool(idea.settings), idea.name


def test_methods_can_be_combined() -> None:
    for idea in IDEAS:
        assert [method.name for method in methods_of(idea.methods)] == list(idea.methods)


def test_the_reference_comes_first_because_methods_read_its_run() -> None:
    assert IDEAS[0].name == REFERENCE
    assert [idea.needs_training for idea in IDEAS] == sorted((idea.needs_training for idea in IDEAS), reverse=True)


def test_ideas_are_found_by_name_in_their_own_order() -> None:
    assert [idea.name for idea in ideas_named(["cache", "counts"])] == ["counts", "cache"]
    assert ideas_named([]) == IDEAS


def test_an_unknown_idea_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="did you mean `cache`"):
        ideas_named(["cach"])
