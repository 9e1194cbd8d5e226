"""Training over networks of limited speed, and with a link that is cut. Linux, as root.

python benchmarks/network.py --json network.json
"""

import json
import os
import shlex
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from harness.scale.collective_speed import CollectiveSpeed
from harness.scale.cut_link import CutDataParallel, CutLocalSteps, cut_data_parallel, cut_local_steps
from harness.scale.forecast_check import ForecastCheck, check_forecasts, num_parameters
from harness.scale.hosts import Hosts
from harness.scale.network_speed import NetworkSpeed
from harness.scale.strategies import HEADER, StrategyFigures, StrategyWork, describe, measure_strategy, places_of
from harness.speed.peer import PeerError
from harness.speed.provenance import Provenance
from nextword.disk.files import write_file
from nextword.errors import NextwordError
from nextword.training.planning.cost_forecast import BYTES_PER_PARAMETER

_HOSTS = 2
_WORK = StrategyWork()
_SHORT = StrategyWork(round_steps=20, rounds=3)
"""For `data-parallel`, which exchanges in every step."""


@dataclass(frozen=True)
class NetworkFigures:
    """All that is measured over networks.

    Attributes:
        figures: Words per second.
        forecasts: The forecast beside them.
        sums: How fast gradients are summed, without a model.
        cuts: What happened when a link was cut.
    """

    figures: list[StrategyFigures]
    forecasts: list[ForecastCheck]
    sums: list[CollectiveSpeed]
    cuts: tuple[CutDataParallel, CutLocalSteps] | None

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "strategies": [each.to_table() for each in self.figures],
            "forecasts": [each.to_table() for each in self.forecasts],
            "sums": [each.to_table() for each in self.sums],
            "cuts": {}
            if self.cuts is None
            else {"data-parallel": self.cuts[0].to_table(), "local-steps": self.cuts[1].to_table()},
        }


@click.command()
@click.option("--rate", "rates", metavar="GBPS", type=click.FloatRange(1e-3), multiple=True, default=(1.0, 0.1))
@click.option("--speed/--no-speed", default=True, help="Measure words per second.")
@click.option("--sums/--no-sums", default=True, help="Measure how fast gradients are summed, without a model.")
@click.option("--cut/--no-cut", default=True, help="Cut a link.")
@click.option("--timeout", type=click.FloatRange(0.1), default=300.0, show_default=True, help="Seconds for one run.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures.")
def network(
    rates: tuple[float, ...], speed: bool, sums: bool, cut: bool, timeout: float, json_path: Path | None
) -> None:
    """Train the preset `quick` on two hosts, each a network namespace with a core of its own.

    Measure the sum of the gradients alone and words per second over links of several speeds. Then cut the link of one
    host.
    """
    try:
        signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # the hosts are removed
        provenance, cores = Provenance.now(), sorted(os.sched_getaffinity(0))
        with Hosts(_HOSTS) as hosts:
            places = [hosts.place(number, cores[number % len(cores)]) for number in range(_HOSTS)]
            used = min(len(cores), _HOSTS)
            alone = _sums(hosts, places, rates) if sums else []
            figures, forecasts = _speeds(hosts, places, rates, used, cores[0], timeout) if speed else ([], [])
            hosts.limit(1.0)
            cuts = None
            if cut:
                lost = cut_data_parallel(hosts, places, timeout=timeout, say=_say)
                click.echo(lost)
                left = cut_local_steps(hosts, places, timeout=timeout, say=_say)
                click.echo(left)
                cuts = (lost, left)
        if json_path is not None:
            table = NetworkFigures(figures, forecasts, alone, cuts).to_table()
            table |= {"provenance": provenance.to_table()}
            table |= {"command": shlex.join(["python", "benchmarks/network.py", *sys.argv[1:]])}
            write_file(json_path, json.dumps(table, indent=2, allow_nan=False).encode() + b"\n")
    except (NextwordError, PeerError) as error:
        click.echo(f"network: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))


def _sums(hosts: Hosts, places: list[list[str]], rates: tuple[float, ...]) -> list[CollectiveSpeed]:
    """Measure the sum of as many bytes as the gradients have, over each network."""
    num_bytes, found = BYTES_PER_PARAMETER * num_parameters(_WORK), list[CollectiveSpeed]()
    for rate in (None, *rates):
        hosts.limit(rate)
        link = NetworkSpeed.between(places, hosts.address(0))
        found.append(CollectiveSpeed.between(places, num_bytes, link, hosts.address(0)))
        click.echo(found[-1].describe())
    return found


def _speeds(
    hosts: Hosts, places: list[list[str]], rates: tuple[float, ...], used: int, core: int, timeout: float
) -> tuple[list[StrategyFigures], list[ForecastCheck]]:
    """Measure one process, and two over each network; return that and the forecasts."""
    click.echo(HEADER)
    one = _measured(_WORK, None, places_of(1, [core]), cores=1, timeout=timeout)
    # The cores of one machine share its memory, so a host is as fast as a process whose neighbor computes too.
    both: dict[str, Any] = {"cores": used, "timeout": timeout, "one_process": one.words_per_s, "network": "none"}
    found, speeds = [one], dict[int, float]()
    for work in (_WORK, replace(_WORK, batch_size=_WORK.batch_size // _HOSTS)):
        found.append(_measured(work, "population", places, **both))
        speeds[work.batch_size] = found[-1].words_per_s / _HOSTS
    forecasts = list[ForecastCheck]()
    for rate in (None, *rates):
        hosts.limit(rate)
        name = "no limit" if rate is None else f"{rate:g} Gb/s"
        link = NetworkSpeed.between(places, hosts.address(0))
        click.echo(f"{name}: {link.gbps:.3f} Gb/s, {link.latency_ms:.3f} ms")
        how: dict[str, Any] = {"cores": used, "timeout": timeout, "one_process": one.words_per_s}
        how |= {"host": hosts.address(0), "network": name}
        own = [
            _measured(_SHORT, "data-parallel", places, **how),
            _measured(_WORK, "local-steps", places, saving_seconds=found[1].saving_seconds, **how),
        ]
        found += own
        for work, each in zip((_SHORT, _WORK), own, strict=True):
            forecasts += check_forecasts(work, [each], speeds, gbps=link.gbps, latency_ms=link.latency_ms)
            click.echo(f"forecast: {forecasts[-1].describe()}")
    return found, forecasts


def _measured(*arguments: Any, **how: Any) -> StrategyFigures:
    figures = measure_strategy(*arguments, **how)
    click.echo(describe(figures))
    return figures


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    network()
