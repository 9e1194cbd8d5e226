"""`nextword plan`: what would training on a large text take, on one machine or on several?"""

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from nextword.cli.options.command import command
from nextword.cli.options.run_options import RUN_SETTINGS, config_option, preset_defaults, preset_option, run_config
from nextword.cli.options.setting_option import JsonOptions, Tables, argument, option
from nextword.cli.output.console import Console, waiting
from nextword.errors import MissingExtraError
from nextword.model.architecture import Architecture
from nextword.text.options import TextOptions
from nextword.training import require_framework
from nextword.training.config import RunConfig
from nextword.training.planning.cost_forecast import GLOO_GBPS, Cluster, StrategyForecast, Work, forecast_costs

_SIZES = (1e6, 1e8, 1e9)
_BYTES_PER_WORD = 5.5
_VOCABULARY_SIZE = 10_000
_LOCAL_STEPS = 500
_MEASURED_SECONDS = 3.0
_SCALES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_UNITS = ((86_400.0, "days"), (3600.0, "hours"), (60.0, "min"))


class TextSize(click.ParamType[float]):
    """A number of words such as `250M`, or of bytes such as `4GiB`, in words."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number of words, or fail."""
        match = re.fullmatch(r"(\d+(?:\.\d*)?(?:e\d{1,2})?)(|k|M|G|T|Ki|Mi|Gi|Ti)(B?)", str(value))
        number = float(match[1]) * _SCALES[match[2]] if match else 0.0
        if match is None or number < 1 or bool(match[3]) < match[2].endswith("i"):
            self.fail(
                f"{value!r} must be a number of words, such as 250M, or of bytes, such as 4GB or 4GiB", param, ctx
            )
        return number / _BYTES_PER_WORD if match[3] else number


@dataclass(frozen=True, kw_only=True)
class _PlanOptions(JsonOptions):
    text_size: float = argument(type=TextSize(), meaning="a number of words, such as 250M, or of bytes, such as 40GB")
    hosts: int = option(2, help="Number of machines like this one.", at_least=1, at_most=100_000)
    network: float = option(1.0, help="Bandwidth of each machine in Gb/s.", metavar="GBPS", at_least=1e-3, at_most=1e5)
    latency: float = option(0.1, help="Time of a small message in ms.", metavar="MS", at_least=0, at_most=1e4)
    collective: float = option(
        GLOO_GBPS,
        help="Speed at which machines sum gradients in memory in Gb/s; the time is added to the network's.",
        metavar="GBPS",
        at_least=1e-3,
        at_most=1e5,
    )
    price: float | None = option(None, help="Price of a machine for an hour.", metavar="PER_HOUR", at_least=0)
    words_per_second: float | None = option(
        None, help="Training speed of one machine.", at_least=1e-3, unset="measured here"
    )
    preset: str = preset_option("quick")
    config: Path | None = config_option()


# What does not change how long one pass over a text takes.
_LEFT_OUT = [field.name for field in dataclasses.fields(TextOptions) if field.name != "maximum_vocabulary"]
_LEFT_OUT += ["epochs", "minutes", "base", "patience", "mixture", "seed", "strategy"]


@command(
    _PlanOptions,
    *RUN_SETTINGS,
    without=_LEFT_OUT,
    short=("embedding_size", "hidden_sizes", "maximum_vocabulary", "batch_size", "num_steps", "round_steps"),
    defaults=preset_defaults,
    examples=[
        "nextword plan 250M --hosts 4 --network 10 --price 0.40",
        "nextword plan 40GB --hosts 8 --words-per-second 5000",
        "nextword plan 1G --preset large --json",
    ],
)
def plan(options: _PlanOptions, given: Tables) -> None:
    """Estimate what training on several machines takes.

    TEXT_SIZE is in words, such as 250M, or in bytes, such as 40GB. The estimate is for training on the text once,
    without validation. Nothing is written.
    """
    config = run_config(given)
    cluster = Cluster(
        hosts=options.hosts,
        network_gbps=options.network,
        latency_ms=options.latency,
        price_per_hour=options.price,
        collective_gbps=options.collective,
    )
    cluster.require_rows(config.batching.batch_size)
    architecture = config.model.build(config.text.maximum_vocabulary or _VOCABULARY_SIZE)
    work = _work(config, architecture, cluster.hosts, options.words_per_second)
    forecasts, sizes = list(forecast_costs(work, cluster)), sorted({options.text_size, *_SIZES})
    if options.as_json:
        click.echo(json.dumps(_to_table(work, cluster, forecasts, sizes), allow_nan=False))
        return
    for name, value in _facts(work, cluster, architecture, is_measured=options.words_per_second is None):
        click.echo(f"{name:<9} {value}")
    click.echo()
    Console(highlight=False).print(_table(forecasts, sizes))


def _work(config: RunConfig, architecture: Architecture, hosts: int, words_per_second: float | None) -> Work:
    batch_size = config.batching.batch_size
    split = max(1, -(-batch_size // hosts))
    if words_per_second is None:
        speeds = _measured(config, architecture.vocabulary_size, (batch_size, split))
    else:
        speeds = dict.fromkeys((batch_size, split), words_per_second)
    return Work(
        num_parameters=architecture.num_parameters,
        batch_size=batch_size,
        num_steps=config.batching.num_steps,
        local_steps=config.training.round_steps or _LOCAL_STEPS,
        words_per_second=speeds[batch_size],
        split_words_per_second=speeds[split],
    )


def _measured(config: RunConfig, vocabulary_size: int, batch_sizes: Sequence[int]) -> dict[int, float]:
    for module in ("keras", "jax"):
        if find_spec(module) is None:
            raise MissingExtraError.of(f"measuring the speed of training needs `{module}`", None, "train")
    require_framework()
    from nextword.model.ops.precision import resolve_compute_dtype
    from nextword.training.planning.speed import measure_training

    dtype = resolve_compute_dtype(config.training.compute_dtype)
    config = dataclasses.replace(config, training=config.training.replace(compute_dtype=dtype))
    speeds = {}
    for size in dict.fromkeys(batch_sizes):
        with waiting(f"measuring batches of {size}"):
            own = dataclasses.replace(config, batching=config.batching.replace(batch_size=size))
            speeds[size] = measure_training(own, vocabulary_size, seconds=_MEASURED_SECONDS).words_per_second
    return speeds


def _facts(work: Work, cluster: Cluster, architecture: Architecture, *, is_measured: bool) -> Iterator[tuple[str, str]]:
    yield "model", f"{architecture.summary}, {work.num_parameters:,} parameters, {work.num_bytes / 1e6:,.1f} MB"
    speed = f"{work.words_per_second:,.0f} words/s {'measured here' if is_measured else 'given'}"
    if work.split_words_per_second != work.words_per_second:
        speed += f", {work.split_words_per_second:,.0f} with a share of each batch"
    yield "speed", speed
    yield "batch", f"{work.batch_size} x {work.num_steps} words; local-steps: {work.local_steps:,} steps a round"
    yield (
        "network",
        f"{cluster.network_gbps:g} Gb/s, {cluster.latency_ms:g} ms; sum of gradients: {cluster.collective_gbps:g} Gb/s",
    )


def _table(forecasts: Sequence[StrategyForecast], sizes: Sequence[float]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("")
    for each in forecasts:
        table.add_column(each.strategy, justify="right")
    table.add_row("words/s", *(f"{each.text_words_per_second:,.0f}" for each in forecasts))
    table.add_row("efficiency", *(f"{each.efficiency:.0%}" for each in forecasts))
    for size in sizes:
        name = f"{size / 1e6:,.4g}" if size < 1e9 else f"{size / 1e6:,.0f}"
        table.add_row(f"{name} M words", *(_duration(each.seconds(size)) for each in forecasts))
        prices = [each.price(size) for each in forecasts]
        if None not in prices:
            table.add_row("  price", *(f"{price:,.2f}" for price in prices))
    return table


def _duration(seconds: float) -> str:
    scale, unit = next(((scale, unit) for scale, unit in _UNITS if seconds >= scale), (1.0, "s"))
    return f"{seconds / scale:,.1f} {unit}"


def _to_table(
    work: Work, cluster: Cluster, forecasts: Sequence[StrategyForecast], sizes: Sequence[float]
) -> dict[str, Any]:
    texts = {
        each.strategy: [{"words": size, "seconds": each.seconds(size), "price": each.price(size)} for size in sizes]
        for each in forecasts
    }
    return {
        "cluster": dataclasses.asdict(cluster),
        "work": {**dataclasses.asdict(work), "num_bytes": work.num_bytes},
        "strategies": [{**dataclasses.asdict(each), "texts": texts[each.strategy]} for each in forecasts],
    }
