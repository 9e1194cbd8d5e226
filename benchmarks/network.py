"""Training over networks of limited speed, and with a link that is cut. Linux, as root.

python benchmarks/network.py --json network.json
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cut_link import cut_link
from harness.hosts import Hosts
from harness.links import measure_link, measure_sum
from harness.report import Report, json_option, reporting
from harness.strategies import StrategyWork, forecast, measure_strategy, prefixes_of
from nextword.training.options import Strategy
from nextword.training.planning.cost_forecast import BYTES_PER_PARAMETER

_HOSTS = 2
_WORK = StrategyWork()
_SHORT = StrategyWork(round_steps=20, rounds=3)
"""For `data-parallel`, which exchanges in every step."""


@click.command()
@click.option("--rate", "rates", metavar="GBPS", type=click.FloatRange(1e-3), multiple=True, default=(1.0, 0.1))
@click.option("--speed/--no-speed", default=True, help="Measure words per second.")
@click.option("--sums/--no-sums", default=True, help="Measure how fast gradients are summed, without a model.")
@click.option("--cut/--no-cut", default=True, help="Cut a link.")
@click.option("--timeout", type=click.FloatRange(0.1), default=300.0, show_default=True, help="Seconds for one run.")
@json_option
def network(
    rates: tuple[float, ...], speed: bool, sums: bool, cut: bool, timeout: float, json_path: Path | None
) -> None:
    """Train the preset `quick` on two hosts, each a network namespace with a core of its own.

    Measure the sum of the gradients alone and words per second over links of several speeds. Then cut the link of one
    host.
    """
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # the hosts are removed
    cores = sorted(os.sched_getaffinity(0))
    with reporting("network", json_path) as report, Hosts(_HOSTS) as hosts:
        prefixes = [hosts.prefix(number, cores[number % len(cores)]) for number in range(_HOSTS)]
        if sums:
            measure_sums(hosts, prefixes, rates, report)
        if speed:
            measure_speeds(hosts, prefixes, rates, report, timeout)
        hosts.limit(1.0)
        strategies: tuple[Strategy, ...] = ("data-parallel", "local-steps")
        for strategy in strategies if cut else ():
            report.say(f"{strategy} with a link that is cut")
            report.add("cut", **cut_link(hosts, prefixes, strategy, timeout))


def measure_sums(hosts: Hosts, prefixes: list[list[str]], rates: tuple[float, ...], report: Report) -> None:
    """Measure the sum of as many bytes as the gradients have, over each network."""
    num_bytes = BYTES_PER_PARAMETER * _WORK.num_parameters
    for rate in (None, *rates):
        hosts.limit(rate)
        link = measure_link(prefixes, hosts.address(0))
        total = measure_sum(prefixes, num_bytes, link["gbps"], hosts.address(0))
        report.add("sum", network=_named(rate), **link, **total)


def measure_speeds(
    hosts: Hosts, prefixes: list[list[str]], rates: tuple[float, ...], report: Report, timeout: float
) -> None:
    """Measure one process, and two over each network, with their forecasts."""
    cores = sorted(os.sched_getaffinity(0))

    def measured(work: StrategyWork, strategy: Strategy | None, where: list[list[str]], **how: Any) -> dict[str, Any]:
        return report.add("strategy", **measure_strategy(work, strategy, where, timeout=timeout, **how))

    alone = measured(_WORK, None, prefixes_of(1, cores), cores=1)["words_per_s"]
    both: dict[str, Any] = {"cores": min(len(cores), _HOSTS), "one_process": alone}
    # The cores of one machine share its memory, so a host is as fast as a process whose neighbor computes too.
    half = replace(_WORK, batch_size=_WORK.batch_size // _HOSTS)
    pairs = {work.batch_size: measured(work, "population", prefixes, network="none", **both) for work in (_WORK, half)}
    speeds = {batch_size: pair["words_per_s"] / _HOSTS for batch_size, pair in pairs.items()}
    saving = pairs[_WORK.batch_size]["saving_seconds"]
    for rate in (None, *rates):
        hosts.limit(rate)
        link = measure_link(prefixes, hosts.address(0))
        report.add("link", network=_named(rate), **link)
        how = {**both, "host": hosts.address(0), "network": _named(rate), "saving_seconds": saving}
        rows: tuple[tuple[StrategyWork, Strategy], ...] = ((_SHORT, "data-parallel"), (_WORK, "local-steps"))
        for work, strategy in rows:
            report.add("forecast", **forecast(work, measured(work, strategy, prefixes, **how), speeds, link))


def _named(rate: float | None) -> str:
    return "no limit" if rate is None else f"{rate:g} Gb/s"


if __name__ == "__main__":
    network()
