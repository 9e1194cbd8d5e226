import json
import os
import signal
from pathlib import Path

import pytest

from harness.scale.collective_speed import CollectiveSpeed
from harness.scale.forecast_check import ForecastCheck, check_forecasts, num_parameters
from harness.scale.network_speed import NetworkSpeed
from harness.scale.strategies import (
    StrategyFigures,
    StrategyWork,
    describe,
    efficiency_by_strategy,
    measure_strategy,
    places_of,
)
from harness.scale.training_group import TrainingGroup, rounds_of
from harness.speed.peer import PeerError

TINY = StrategyWork(
    batch_size=4,
    num_steps=5,
    round_steps=3,
    rounds=2,
    settings=("--hidden-sizes", "4", "--embedding-size", "4", "--maximum-vocabulary", "50", "--start", "random"),
)


def figures(strategy: str, processes: int, cores: int, words_per_s: float, efficiency: float | None) -> StrategyFigures:
    return StrategyFigures(
        strategy=strategy,
        processes=processes,
        cores=cores,
        network="loopback",
        words_per_s=words_per_s,
        step_seconds=0.01,
        saving_seconds=0.1,
        efficiency=efficiency,
    )


def test_processes_take_the_cores_in_turn() -> None:
    assert places_of(3, [4, 6]) == [["taskset", "--cpu-list", core] for core in ("4", "6", "4")]


def test_efficiency_is_that_of_processes_with_a_core_each() -> None:
    found = [
        figures("one-process", 1, 1, 100, None),
        figures("data-parallel", 2, 2, 150, 0.75),
        figures("data-parallel", 4, 2, 60, 0.3),
    ]
    assert efficiency_by_strategy(found) == {"data-parallel": 0.75}
    assert "4 processes share 2 cores" in describe(found[2])
    assert "share" not in describe(found[1])


def test_a_forecast_for_shared_cores_is_that_of_slower_machines() -> None:
    found = [figures("population", 2, 2, 2000, 1.0), figures("population", 4, 2, 2000, 1.0)]
    checks = check_forecasts(StrategyWork(), found, {32: 1000, 16: 900, 8: 700}, gbps=1, latency_ms=0.1)
    assert [each.predicted for each in checks] == [2000, 2000]
    assert checks[0].error == 0


def test_the_error_is_relative_to_what_was_measured() -> None:
    check = ForecastCheck(strategy="local-steps", processes=2, network="1 Gb/s", predicted=120, measured=100)
    assert check.error == pytest.approx(0.2)
    assert check.to_table()["error"] == 0.2
    assert "+20%" in check.describe()


def test_the_model_of_the_preset_is_counted() -> None:
    assert 2_000_000 < num_parameters(StrategyWork()) < 3_000_000


def test_a_half_written_line_of_a_log_is_left_out(tmp_path: Path) -> None:
    assert rounds_of(tmp_path) == []
    (tmp_path / "log.jsonl").write_text(json.dumps({"round": 1}) + '\n{"rou', encoding="utf-8")
    assert rounds_of(tmp_path) == [{"round": 1}]


def test_a_process_that_cannot_be_started_leaves_no_other_behind(tmp_path: Path) -> None:
    group = TrainingGroup(["--help"], [["sh", "-c", "exec sleep 100"], [str(tmp_path / "missing")]], tmp_path)
    with pytest.raises(FileNotFoundError), group:
        pytest.fail("all were started")
    assert [process.returncode for process in group.processes] == [-signal.SIGKILL]


def test_bytes_travel_over_loopback() -> None:
    measured = NetworkSpeed.between(places_of(2, [0]), num_bytes=2**22)
    assert measured.gbps > 0
    assert measured.latency_ms > 0


def test_a_network_without_a_way_is_an_error() -> None:
    with pytest.raises(PeerError, match=r"the network at 192\.0\.2\.1 cannot be measured"):
        NetworkSpeed.between(places_of(2, [0]), host="192.0.2.1")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_are_measured() -> None:
    found = measure_strategy(TINY, "local-steps", places_of(2, [0]), cores=1, timeout=500, one_process=1000.0)
    assert len(found.rounds) == TINY.rounds
    assert min(found.rounds) <= found.words_per_s <= max(found.rounds)
    assert found.efficiency == round(found.words_per_s / 1000, 3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_failed_run_is_an_error_with_its_last_line() -> None:
    with pytest.raises(PeerError, match="must"):
        measure_strategy(StrategyWork(batch_size=-1), None, places_of(1, [0]), cores=1, timeout=500)


def test_what_the_network_does_not_explain_is_copying_and_summing() -> None:
    link = NetworkSpeed(gbps=1, latency_ms=0)
    # 125 MB are 1 Gb: 1 s of the link, and 0.5 s that are left.
    assert CollectiveSpeed(num_bytes=125_000_000, seconds=1.5, network=link).gbps == pytest.approx(2)
    assert CollectiveSpeed(num_bytes=125_000_000, seconds=0.9, network=link).gbps == float("inf")


@pytest.mark.timeout(120)
def test_two_processes_sum_an_array() -> None:
    link = NetworkSpeed(gbps=1000, latency_ms=0)
    measured = CollectiveSpeed.between(places_of(2, sorted(os.sched_getaffinity(0))), 400_000, link)
    assert 0 < measured.seconds < 60
    assert "sum of 0.4 MB" in measured.describe()


def test_a_sum_that_fails_is_an_error() -> None:
    link = NetworkSpeed(gbps=1, latency_ms=0)
    with pytest.raises(PeerError, match="the sum over two processes at"):
        CollectiveSpeed.between([["false"], ["false"]], 4, link)
