from collections.abc import Callable

import pytest

from harness.ledger.query import Query
from harness.ledger.result import Result
from nextword.errors import SettingError

Make = Callable[..., Result]


def test_patterns_choose(make: Make) -> None:
    results = [make(), make(preset="contest/a"), make(preset="contest/b"), make(corpus="austen")]
    assert [group.first.preset for group in Query.of("corpus=ptb preset=contest/*").groups(results)] == [
        "contest/a",
        "contest/b",
    ]
    assert len(Query.of("corpus=ptb preset=auto,contest/b").groups(results)) == 2
    assert len(Query.of("").groups(results)) == 4


def test_methods_minutes_commits_and_seeds_choose(make: Make) -> None:
    results = [make(), make(method="cache,temperature"), make(method="dynamic"), make(commit="b", method="cache")]
    others = [make(minutes=100.0), make(seed=10)]
    (group,) = Query.of("minutes=10 commit=abc* seed=0 read=static;cache*").groups(results + others)
    assert list(group.by_method) == ["static", "cache,temperature"]
    assert group.seeds == [0]


@pytest.mark.parametrize(("pick", "commits"), [("newest", ["c"]), ("earlier", ["a", "b"]), ("all", ["a", "b", "c"])])
def test_commits_are_picked(make: Make, pick: str, commits: list[str]) -> None:
    groups = Query.of(f"pick={pick}").groups([make(commit=commit) for commit in "abc"])
    assert [group.first.commit for group in groups] == commits


def test_the_shortest_comes_first_and_then_the_best(make: Make) -> None:
    results = [make(preset="a", minutes=30.0), make(preset="b", test_perplexity=None), make(preset="c")]
    assert [group.first.preset for group in Query().groups(results)] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("corpse=ptb", "'corpse'"),
        ("ptb", "'ptb'"),
        ("pick=best", "newest or earlier"),
        ("methods=up", "down or across"),
    ],
)
def test_a_slip_is_named(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Query.of(text)
