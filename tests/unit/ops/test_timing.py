from collections.abc import Iterator

import pytest

from nextword.ops import timing


def test_the_shortest_counts_and_the_first_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[None] = []
    seconds = iter([4.0, 9.0, 2.0])

    def clock() -> Iterator[float]:
        now = 100.0
        while True:
            yield now
            now += next(seconds)
            yield now

    ticks = clock()
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    assert timing.shortest_seconds(lambda: runs.append(None), repeats=3) == 2.0
    assert len(runs) == 4
