"""The numbers are computed by hand, in the comments."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.text.options import BatchOptions
from nextword.training.planning.cost_forecast import (
    Cluster,
    StrategyForecast,
    Work,
    forecast_costs,
    training_memory_bytes,
)

# 10,000,000 bytes of weights; a batch of 32 x 40 = 1,280 words; 100 local steps of them are 128,000 words.
WORK = Work(
    num_parameters=2_500_000,
    batch_size=32,
    num_steps=40,
    local_steps=100,
    words_per_second=5000,
    split_words_per_second=4000,
)
# 0.8 Gb/s are 100,000,000 bytes a second: the weights take 0.1 s over a link.
CLUSTER = Cluster(hosts=4, network_gbps=0.8, latency_ms=1, price_per_hour=0.5)


def by_name(work: Work = WORK, cluster: Cluster = CLUSTER) -> dict[str, StrategyForecast]:
    return {each.strategy: each for each in forecast_costs(work, cluster)}


def test_one_host_sends_nothing() -> None:
    alone = by_name()["one-host"]
    assert (alone.hosts, alone.exchange_seconds, alone.efficiency) == (1, 0.0, 1.0)
    assert alone.seconds(1e6) == pytest.approx(200)  # 1,000,000 / 5,000
    assert alone.price(1e6) == pytest.approx(0.5 * 200 / 3600)


def test_data_parallel_sums_gradients_after_every_step() -> None:
    found = by_name()["data-parallel"]
    # Ring: 2 * 3/4 * 0.1 s = 0.15 s, and 6 messages of 1 ms.
    assert found.exchange_seconds == pytest.approx(0.156)
    # Step: 8 rows of 40 words at 4,000 words/s = 0.08 s. With the ring 0.236 s for 1,280 words.
    assert found.text_words_per_second == pytest.approx(1280 / 0.236)
    assert found.efficiency == pytest.approx(1280 / 0.236 / 20_000)
    assert found.words_per_exchange == 1280
    assert found.seconds(1e8) == pytest.approx(1e8 / 1280 * 0.236)
    assert found.price(1e8) == pytest.approx(1e8 / 1280 * 0.236 / 3600 * 2.0)


def test_sending_gradients_and_summing_them_add_up() -> None:
    # Summing 10,000,000 bytes at 0.4 Gb/s takes 0.2 s, besides the 0.1 s of the link; in the ring, 3/2 of both.
    summed = by_name(cluster=replace(CLUSTER, collective_gbps=0.4))
    assert summed["data-parallel"].exchange_seconds == pytest.approx(0.456)
    assert summed["local-steps"].exchange_seconds == pytest.approx(0.456)
    others = ("one-host", "population")  # they sum nothing
    assert [summed[name] for name in others] == [by_name()[name] for name in others]


def test_the_host_with_most_rows_decides() -> None:
    three = by_name(cluster=replace(CLUSTER, hosts=3, latency_ms=0))["data-parallel"]
    # 11, 11 and 10 rows: 440 words at 4,000 words/s = 0.11 s; ring: 2 * 2/3 * 0.1 s.
    assert three.text_words_per_second == pytest.approx(1280 / (0.11 + 0.4 / 3))


def test_local_steps_exchange_weights_once_a_round() -> None:
    found = by_name()["local-steps"]
    # Ring: 2 * 3/4 * 0.1 s and 6 messages of 1 ms.
    assert found.exchange_seconds == pytest.approx(0.156)
    # Round: 128,000 words / 5,000 = 25.6 s; with the exchange 25.756 s for 4 * 128,000 words.
    assert found.words_per_exchange == 512_000
    assert found.text_words_per_second == pytest.approx(512_000 / 25.756)
    assert found.efficiency == pytest.approx(25.6 / 25.756)


def test_a_population_reads_all_of_the_text_on_every_host() -> None:
    found = by_name()["population"]
    assert found.text_words_per_second == 5000
    assert found.seconds(1e6) == pytest.approx(200 + 0.301)  # the weights, once
    assert found.price(1e6) == pytest.approx(200.301 / 3600 * 2.0)


def test_without_a_network_all_hosts_count() -> None:
    fast = by_name(replace(WORK, split_words_per_second=5000), Cluster(hosts=4, network_gbps=1e9, latency_ms=0))
    assert fast["data-parallel"].text_words_per_second == pytest.approx(20_000)
    assert fast["local-steps"].text_words_per_second == pytest.approx(20_000)
    assert fast["data-parallel"].price(1e6) is None


def test_there_is_no_strategy_for_one_host() -> None:
    assert [each.strategy for each in forecast_costs(WORK, replace(CLUSTER, hosts=1))] == ["one-host"]


def test_a_batch_needs_a_row_for_each_host() -> None:
    with pytest.raises(SettingError, match="`batch_size` must be at least the number of hosts, 33"):
        replace(CLUSTER, hosts=33).require_rows(WORK.batch_size)


SIZES = st.integers(1, 2000)


@given(SIZES, SIZES, st.integers(1, 200), st.integers(1, 200))
def test_the_memory_estimate_increases_with_every_size(hidden: int, vocabulary: int, rows: int, steps: int) -> None:
    def needed(**changes: int) -> int:
        size = {"hidden": hidden, "vocabulary": vocabulary + 1, "rows": rows, "steps": steps, **changes}
        architecture = Architecture(
            vocabulary_size=size["vocabulary"], embedding_size=8, hidden_sizes=(size["hidden"], 8)
        )
        return training_memory_bytes(architecture, BatchOptions(batch_size=size["rows"], num_steps=size["steps"]))

    least = needed()
    assert needed(hidden=hidden + 1) > least
    assert needed(vocabulary=vocabulary + 2) > least
    assert needed(rows=rows + 1) > least
    assert needed(steps=steps + 1) > least
    # Weights, gradients and Adam's averages alone are sixteen bytes a parameter.
    assert (
        least
        > 16 * Architecture(vocabulary_size=vocabulary + 1, embedding_size=8, hidden_sizes=(hidden, 8)).num_parameters
    )


def test_a_teacher_takes_less_memory_with_candidates() -> None:
    architecture = Architecture(vocabulary_size=50_000, embedding_size=64, hidden_sizes=(64,))
    batching = BatchOptions(batch_size=32, num_steps=35)
    whole, sampled, alone = (
        training_memory_bytes(architecture, batching, teachers, candidates)
        for teachers, candidates in (([architecture], None), ([architecture], 8000), ([], 8000))
    )
    weights = 4 * architecture.num_parameters
    # 8,000 candidates and 32 * 35 = 1,120 targets
    assert (sampled - alone - weights) / (whole - alone - weights) == pytest.approx(9_120 / 50_000)
