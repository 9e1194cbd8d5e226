from collections.abc import Callable

import pytest

from harness.ledger.group import grouped, mean_and_spread, newest
from harness.ledger.result import Result

Make = Callable[..., Result]


def test_seeds_and_methods_of_one_thing_belong_together(make: Make) -> None:
    other_seed = make(seed=1, command="nextword train ptb --minutes 10 --seed 1 --run runs/other")
    (group,) = grouped([make(), make(method="cache"), other_seed])
    assert group.seeds == [0, 1]
    assert list(group.by_method) == ["static", "cache"]


def test_other_commits_commands_corpora_and_presets_do_not(make: Make) -> None:
    others = [make(commit="b"), make(command="nextword train ptb"), make(corpus="austen"), make(preset="quick")]
    assert len(grouped([make(), *others])) == 5


def test_seeds_of_other_machines_are_another_row_and_those_of_a_busy_one_are_not(make: Make) -> None:
    busy = make(processor="Xeon, 2 cores, not idle", seed=1)
    groups = grouped([make(processor="Xeon, 2 cores"), busy, make(processor="EPYC, 2 cores", seed=2)])
    assert [(group.machine, group.seeds) for group in groups] == [("Xeon", [0, 1]), ("EPYC", [2])]


def test_a_seed_counts_once_however_often_it_was_read(make: Make) -> None:
    (group,) = grouped([make(epochs=5.0), make(epochs=5.0, method="cache"), make(epochs=6.0, seed=1)])
    assert group.values("epochs") == [5.0, 6.0]


def test_values_that_were_not_measured_are_left_out(make: Make) -> None:
    (group,) = grouped([make(valid_perplexity=None), make(seed=1)])
    assert group.values("valid_perplexity") == [90.0]


def test_each_method_has_its_results(make: Make) -> None:
    (group,) = grouped([make(), make(method="cache", test_perplexity=80.0), make(seed=1)])
    assert {method: part.values("test_perplexity") for method, part in group.by_method.items()} == {
        "static": [85.0, 85.0],
        "cache": [80.0],
    }


def test_the_newest_is_the_commit_that_came_last(make: Make) -> None:
    groups = grouped([make(commit="old"), make(corpus="austen", commit="old"), make(commit="new")])
    assert [(group.first.corpus, group.first.commit) for group in newest(groups)] == [("ptb", "new"), ("austen", "old")]


def test_another_machine_has_a_newest_of_its_own(make: Make) -> None:
    results = [make(processor="EPYC family 25, 2 cores"), make(commit="b"), make(processor="EPYC, 2 cores", commit="c")]
    assert [group.first.commit for group in newest(grouped(results))] == ["c", "b"]


@pytest.mark.parametrize(
    ("processor", "machine"),
    [
        ("AMD EPYC family 25, 2 cores, not idle", "AMD EPYC"),
        ("Intel(R) Xeon(R) Processor, 2 cores, AVX2, AVX-512", "Intel Xeon"),
        ("Intel(R) Xeon(R) Processor, 2 cores, AVX2, AMX-BF16, not idle", "Intel Xeon with AMX"),
    ],
)
def test_machines_have_short_names(make: Make, processor: str, machine: str) -> None:
    (group,) = grouped([make(processor=processor)])
    assert group.machine == machine


def test_several_seeds_have_a_spread() -> None:
    assert mean_and_spread([], 2) == ""
    assert mean_and_spread([1234.5], 2) == "1,234.50"
    assert mean_and_spread([1.0, 2.0, 3.0], 1) == "2.0 ± 1.0"
