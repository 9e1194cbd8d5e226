"""What a training run does if the link of one host is cut in its middle."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.scale.hosts import Hosts
from harness.scale.strategies import StrategyWork
from harness.scale.training_group import TrainingGroup, rounds_of
from nextword.training.cluster.local_steps import process_directory

_ROUND_STEPS = 20
_EPOCHS = 0.2
_EXCHANGE_S = 10


@dataclass(frozen=True, kw_only=True)
class CutDataParallel:
    """`data-parallel` with a link that is cut.

    Attributes:
        seconds_to_stop: From the cut until all processes have ended.
        exit_codes: Of the processes.
        errors: Their last lines.
        rounds_before: Rounds in the log then.
        rounds: Rounds of the resumed run.
        equal: Whether its weights are those of a run that was not cut, bit by bit.
    """

    seconds_to_stop: float
    exit_codes: list[int]
    errors: list[str]
    rounds_before: int
    rounds: int
    equal: bool

    def to_table(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class CutLocalSteps:
    """`local-steps` with a link that is cut and repaired.

    Attributes:
        seconds_to_next_round: From the cut until the next round of process 0, which waits for the other.
        rounds_alone: Rounds of process 0 until the link was repaired.
        restarted: Whether process 1 had ended, and was resumed.
        rounds_of_lost: Rounds of process 1 at the cut, and after it came back.
        messages: What process 0 said of process 1.
    """

    seconds_to_next_round: float
    rounds_alone: int
    restarted: bool
    rounds_of_lost: tuple[int, int]
    messages: list[str]

    def to_table(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        return asdict(self)


def cut_data_parallel(
    hosts: Hosts, places: Sequence[Sequence[str]], *, timeout: float, say: Callable[[str], None]
) -> CutDataParallel:
    """Cut the link of the last host after three rounds, connect it again, resume, and compare with a whole run.

    Raises:
        PeerError: A process failed where none should.
    """
    last, work = len(places) - 1, StrategyWork(round_steps=_ROUND_STEPS)
    how: dict[str, Any] = {"strategy": "data-parallel", "host": hosts.address(0)}
    with TemporaryDirectory(prefix="network-cut-") as name:
        folder = Path(name)
        whole, run = folder / "whole", folder / "run"
        say("data-parallel without a cut")
        with TrainingGroup(work.arguments(whole, _EPOCHS), places, folder, **how) as group:
            group.finish(timeout)
        say("data-parallel with a cut")
        with TrainingGroup(work.arguments(run, _EPOCHS), places, folder, **how) as group:
            group.wait_for_rounds(run, 3, timeout)
            hosts.cut(last)
            began = time.monotonic()
            codes = [group.wait(number, timeout) for number in range(len(places))]
            seconds, before = time.monotonic() - began, len(rounds_of(run))
            errors = [group.last_line_of(number) for number in range(len(places))]
        hosts.repair(last)
        say("data-parallel resumed")
        how.pop("strategy")
        with TrainingGroup(("--resume", run), places, folder, **how, in_group=True) as group:
            group.finish(timeout)
        weights = [(each / "model" / "weights.safetensors").read_bytes() for each in (whole, run)]
        return CutDataParallel(
            seconds_to_stop=round(seconds, 1),
            exit_codes=codes,
            errors=errors,
            rounds_before=before,
            rounds=len(rounds_of(run)),
            equal=weights[0] == weights[1],
        )


def cut_local_steps(
    hosts: Hosts, places: Sequence[Sequence[str]], *, timeout: float, say: Callable[[str], None]
) -> CutLocalSteps:
    """Cut the link of the last host after two rounds, and connect it again when process 0 has trained alone.

    Raises:
        PeerError: A process failed where none should.
    """
    last, work = len(places) - 1, StrategyWork(round_steps=_ROUND_STEPS)
    how: dict[str, Any] = {"strategy": "local-steps", "host": hosts.address(0)}
    how["environment"] = {"NEXTWORD_EXCHANGE_SECONDS": str(_EXCHANGE_S)}
    say("local-steps with a cut")
    with TemporaryDirectory(prefix="network-cut-") as name:
        folder = Path(name)
        run = folder / "run"
        lost = process_directory(run, last)
        with TrainingGroup(work.arguments(run, 100.0), places, folder, **how) as group:
            group.wait_for_rounds(lost, 2, timeout)
            hosts.cut(last)
            began, at_cut, of_lost = time.monotonic(), len(rounds_of(run)), len(rounds_of(lost))
            # The round of the cut may still have ended with both.
            group.wait_for_rounds(run, at_cut + 2, timeout)
            seconds = time.monotonic() - began
            group.wait_for_rounds(run, at_cut + 5, timeout)
            alone = len(rounds_of(run)) - at_cut
            hosts.repair(last)
            restarted = group.processes[last].poll() is not None
            if restarted:
                group.processes[last] = group.start(last, ("--resume", run))
            group.wait_for_rounds(lost, of_lost + 3, timeout)
            output = group.output_of(0).read_text(encoding="utf-8", errors="replace")
            return CutLocalSteps(
                seconds_to_next_round=round(seconds, 1),
                rounds_alone=alone,
                restarted=restarted,
                rounds_of_lost=(of_lost, len(rounds_of(lost))),
                messages=[line.strip() for line in output.splitlines() if f"process {last} is " in line],
            )
