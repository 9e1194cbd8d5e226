import dataclasses

import pytest

from nextword.errors import SettingError
from nextword.methods.catalogue import KINDS, methods_of, require_used, tables_of


def test_methods_come_in_the_order_in_which_they_go_around() -> None:
    assert [method.name for method in methods_of(["dynamic", "ngram", "cache"])] == ["dynamic", "ngram", "cache"]
    assert methods_of(["static"]) == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cach"], "did you mean `cache`"),
        (["cache", "cache"], "`cache` is named 2 times"),
        (["static", "cache"], "`static` must stand alone"),
        (["cache", "dynamic"], "`dynamic` must be the first"),
        (["dynamic", "mc_dropout"], "`mc_dropout` must be the first"),
    ],
)
def test_what_does_not_go_together_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        methods_of(names)


def test_no_two_settings_share_a_flag() -> None:
    names = [field.name for kind in KINDS for field in dataclasses.fields(kind)]
    assert len(set(names)) == len(names)


def test_settings_belong_to_methods_that_were_asked_for() -> None:
    tables = tables_of({"cache_size": 3, "ngram_weight": 0.5, "cache_weight": 0.2})
    assert tables == {"cache": {"cache_size": 3, "cache_weight": 0.2}, "ngram": {"ngram_weight": 0.5}}
    require_used(tables, methods_of(["cache", "ngram"]), ensemble=False)
    with pytest.raises(SettingError, match="`ngram_weight` must go with the method `ngram`, which was not asked for"):
        require_used(tables, methods_of(["cache"]), ensemble=False)
    with pytest.raises(SettingError, match="did you mean `cache_size`"):
        tables_of({"cache_sise": 3})
