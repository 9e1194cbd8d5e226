from hypothesis import given
from hypothesis import strategies as st

from nextword.text.line_runs import LineRuns


def test_runs_are_those_between_blank_lines() -> None:
    assert LineRuns.of(["a", "b", "", " \t", "c", "\N{NO-BREAK SPACE}", "d", "e", "f"]) == LineRuns(
        num_lines=9, num_blank=3, num_runs=3, num_long_runs=2, first=2, last=3
    )
    assert LineRuns.of(["", "a", ""]) == LineRuns(num_lines=3, num_blank=2, num_runs=1)
    assert LineRuns.of([]) == LineRuns()


LINES = st.lists(st.sampled_from(["a", "", " \t"]), max_size=12)


@given(LINES, LINES, LINES)
def test_counts_add_up_wherever_lines_are_parted(first: list[str], second: list[str], third: list[str]) -> None:
    whole = LineRuns.of([*first, *second, *third])
    assert (LineRuns.of(first) + LineRuns.of(second)) + LineRuns.of(third) == whole
    assert LineRuns.of(first) + (LineRuns.of(second) + LineRuns.of(third)) == whole


def test_lines_are_wrapped_if_most_runs_between_blank_lines_are_long() -> None:
    assert LineRuns.of(["a", "b", "", "c", "d"]).are_wrapped
    assert not LineRuns.of(["a", "", "c", "d"]).are_wrapped
    assert not LineRuns.of(["a", "b"] * 50 + [""]).are_wrapped
    assert not LineRuns().are_wrapped
