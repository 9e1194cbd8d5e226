"""Forecasts what training takes: memory, and on several machines time, traffic and price by strategy.

Memory follows from the sizes of a run, the others from measured speeds.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.text.options import BatchOptions

BYTES_PER_PARAMETER = 4
"""Gradients and weights travel in float32."""

GLOO_GBPS = 6.8
"""How fast Gloo copies and sums gradients in memory, on one core, in Gb/s; measured in docs/scale.md."""

StrategyName = Literal["one-host", "data-parallel", "local-steps", "population"]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Machines of one kind in one network."""

    hosts: int  # number of machines `N`
    network_gbps: float  # bandwidth of each machine's link in each direction, in Gb/s
    latency_ms: float  # time of a small message from one machine to another, in milliseconds
    price_per_hour: float | None = None  # price of a machine for an hour; `None` if unknown
    collective_gbps: float = math.inf  # at which a machine copies and sums the gradients that it receives, in Gb/s

    def require_rows(self, batch_size: int) -> None:
        """Raise `SettingError` unless each machine can train some of the rows of a batch."""
        if batch_size < self.hosts:
            raise SettingError(
                f"`batch_size` must be at least the number of hosts, {self.hosts}, because each trains some of the "
                f"rows, but is {batch_size}; give larger batches or fewer hosts"
            )

    def all_reduce_seconds(self, num_bytes: int) -> float:
        """Return the time of a ring that sums arrays of `num_bytes` over all machines.

        The times of the network and of the memory are added, as if a machine did not sum while it sends.

        Source:
            Patarasu and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009.

        Example:
            >>> Cluster(hosts=2, network_gbps=1, latency_ms=0).all_reduce_seconds(125_000_000)
            1.0
        """
        messages = 2 * (self.hosts - 1)
        in_memory = num_bytes * 8 / (self.collective_gbps * 1e9)
        return messages / self.hosts * (self._seconds(num_bytes) + in_memory) + messages * self.latency_ms / 1000

    def gather_seconds(self, num_bytes: int) -> float:
        """Return the time in which one machine receives `num_bytes` from each of the others."""
        others = self.hosts - 1
        return others * self._seconds(num_bytes) + (self.latency_ms / 1000 if others else 0.0)

    def _seconds(self, num_bytes: int) -> float:
        return num_bytes * 8 / (self.network_gbps * 1e9)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What each machine computes and sends."""

    num_parameters: int  # trainable parameters of the model
    batch_size: int  # rows of a batch `B`
    num_steps: int  # words of a row `T`
    local_steps: int  # steps between two averages with `local-steps`, `H`
    words_per_second: float  # throughput of one machine with whole batches
    split_words_per_second: float  # throughput of one machine with its share of a batch, for `data-parallel`

    @property
    def num_bytes(self) -> int:
        """Bytes of all gradients, or of all weights."""
        return BYTES_PER_PARAMETER * self.num_parameters


@dataclass(frozen=True, kw_only=True)
class StrategyForecast:
    """What one strategy does with a text."""

    strategy: StrategyName
    hosts: int
    text_words_per_second: float  # words of the text for each second
    efficiency: float = 1.0  # words that all machines train on, relative to machines without traffic
    exchange_seconds: float = 0.0  # time of one exchange between the machines
    words_per_exchange: int | None = None  # words of the text between two exchanges; `None` if there is one, at the end
    price_per_hour: float | None = None  # price of all machines for an hour; `None` if unknown

    def seconds(self, num_words: float) -> float:
        """Return the time to train on a text of `num_words` words once, in seconds."""
        at_the_end = self.exchange_seconds if self.words_per_exchange is None else 0.0
        return num_words / self.text_words_per_second + at_the_end

    def price(self, num_words: float) -> float | None:
        """Return the price of that time on all machines; `None` if unknown."""
        return None if self.price_per_hour is None else self.seconds(num_words) / 3600 * self.price_per_hour


def forecast_costs(work: Work, cluster: Cluster) -> Iterator[StrategyForecast]:
    r"""Yield the forecast of each strategy; without other machines, only that of one.

    With $N$ machines that train $w$ words per second, $S$ bytes of weights, and $H$ local steps of $B \times T$ words:

    - `data-parallel`: a step takes $\lceil B/N \rceil T / w + t_{\text{all-reduce}}(S)$ for $B \times T$ words.
    - `local-steps`: $H$ steps and an exchange take $H B T / w + t_{\text{all-reduce}}(S)$ for $N H B T$ words.
    - `population`: $w$ words of the text per second, since each machine trains on all of it; the weights are gathered
      at the end.
    """
    hosts, speed, price = cluster.hosts, work.words_per_second, cluster.price_per_hour
    yield StrategyForecast(strategy="one-host", hosts=1, text_words_per_second=speed, price_per_hour=price)
    if hosts == 1:
        return
    forecast = partial(StrategyForecast, hosts=hosts, price_per_hour=None if price is None else price * hosts)
    exchange, batch_words = cluster.all_reduce_seconds(work.num_bytes), work.batch_size * work.num_steps
    step = math.ceil(work.batch_size / hosts) * work.num_steps / work.split_words_per_second + exchange
    yield forecast(
        strategy="data-parallel",
        text_words_per_second=batch_words / step,
        efficiency=batch_words / step / (hosts * speed),
        exchange_seconds=exchange,
        words_per_exchange=batch_words,
    )
    round_words = work.local_steps * batch_words
    round_seconds = round_words / speed + exchange
    yield forecast(
        strategy="local-steps",
        text_words_per_second=hosts * round_words / round_seconds,
        efficiency=round_words / round_seconds / speed,
        exchange_seconds=exchange,
        words_per_exchange=hosts * round_words,
    )
    at_the_end = cluster.gather_seconds(work.num_bytes)
    yield forecast(strategy="population", text_words_per_second=speed, exchange_seconds=at_the_end)


# Python with Keras and JAX, the programs that XLA compiles, and the chunks of a step.
_BASE = 800 * 10**6
# Weight, gradient and Adam's two averages in float32, and copies for the matrix products, some transposed.
_BYTES_PER_PARAMETER = 24
# Float32 values that the recurrence keeps for its gradient: three times four gates, hidden state and cell state.
_VALUES_PER_UNIT = 14
# Float32 values for each token of the softmax and each word of a batch if there is a teacher: logits, probabilities
# and gradients of the model, then logits and log-probabilities of each member. JAX prepares a step during another.
_VALUES_PER_PROBABILITY = 8
_VALUES_PER_MEMBER = 2


def training_memory_bytes(
    architecture: Architecture,
    batching: BatchOptions,
    teachers: Sequence[Architecture] = (),
    num_candidates: int | None = None,
) -> int:
    """Estimate the memory of a training run on a CPU in bytes; the estimate is rather too high than too low.

    Measured on an x86 processor with JAX 0.12: 0.8 GB for the preset `quick`, 1.0 for `tutorial`, 2.2 for `large`. With
    a teacher of its own size, `quick` takes 1.0 to 1.3 GB, with a mixture of two 1.1 to 1.8.
    """
    words = batching.batch_size * batching.num_steps
    recurrence = 4 * _VALUES_PER_UNIT * words * sum(architecture.hidden_sizes)
    own = _BASE + _BYTES_PER_PARAMETER * architecture.num_parameters + recurrence
    size = architecture.vocabulary_size
    num_classes = min(size, num_candidates + words) if num_candidates else size
    return own + (_teacher_memory_bytes(teachers, words * num_classes) if teachers else 0)


def _teacher_memory_bytes(teachers: Sequence[Architecture], num_probabilities: int) -> int:
    weights = BYTES_PER_PARAMETER * sum(each.num_parameters for each in teachers)
    values = _VALUES_PER_PROBABILITY + _VALUES_PER_MEMBER * len(teachers)
    return weights + 4 * values * num_probabilities
