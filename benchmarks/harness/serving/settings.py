"""What the serving benchmark measures, and for how long."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.errors import SettingError
from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class LoadSettings(Settings):
    """The load of the serving benchmark.

    Raises:
        SettingError: A value leaves its range, or the shortest answer is longer than the longest.

    Example:
        >>> LoadSettings(clients=(1, 4)).to_table()["clients"]
        [1, 4]
    """

    group: ClassVar[str] = "effort"

    clients: tuple[int, ...] = setting((1, 8, 64), help="Clients at once, one number for each load.", at_least=1)
    turns: int = setting(3, help="Turns of each server.", at_least=1, at_most=1000)
    seconds: float = setting(4.0, help="Seconds that count of each turn and load.", at_least=0.05, at_most=600.0)
    prompt_words: int = setting(8, help="Words of a prompt.", at_least=1, at_most=1000)
    least_tokens: int = setting(16, help="Tokens of the shortest answer.", at_least=1, at_most=1024)
    most_tokens: int = setting(48, help="Tokens of the longest answer.", at_least=1, at_most=1024)
    temperature: float = setting(0.8, help="Sampling temperature of all servers.", at_least=0.01, at_most=2.0)
    top_p: float = setting(1.0, help="Sample from this share of the probability.", at_least=0.01, at_most=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least_tokens > self.most_tokens:
            raise SettingError(
                f"`least_tokens` must be at most `most_tokens`, {self.most_tokens}, but is {self.least_tokens}"
            )


@dataclass(frozen=True, kw_only=True)
class ScenarioSettings(Settings):
    """The load of the scenarios.

    Raises:
        SettingError: A value leaves its range.
    """

    group: ClassVar[str] = "scenario"

    overload: float = setting(8.0, help="Overload: times the capacity.", at_least=1.0, at_most=1000.0)
    overload_tokens: int = setting(128, help="Overload: tokens of an answer.", at_least=1, at_most=1024)
    capacity_clients: int = setting(64, help="Overload: clients that measure the capacity.", at_least=1, at_most=512)
    scenario_turns: int = setting(3, help="Turns of load and trouble.", at_least=1, at_most=1000)
    scenario_seconds: float = setting(8.0, help="Seconds of a turn.", at_least=0.05, at_most=600.0)
    others: int = setting(8, help="Clients beside slow ones and reloads.", at_least=1, at_most=512)
    slow_clients: int = setting(50, help="Slow clients at once.", at_least=4, at_most=512)
    deadline: float = setting(5.0, help="Deadline that the service is given for them.", at_least=0.1, at_most=600.0)
    leavers: int = setting(200, help="Clients that leave in the middle of an answer.", at_least=1, at_most=10_000)
    starts: int = setting(5, help="Starts of each server.", at_least=1, at_most=1000)
    reloads: int = setting(10, help="Reloads; every second is of a bad bundle.", at_least=1, at_most=1000)
    reload_requests: int = setting(500, help="Requests during the reloads.", at_least=1, at_most=10**6)
