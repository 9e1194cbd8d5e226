"""What a training run does if the link of one host is cut in its middle."""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.hosts import Hosts
from harness.strategies import StrategyWork
from harness.training_group import TrainingGroup, rounds_in
from nextword.training.options import Strategy

_WORK = StrategyWork(round_steps=20)
_EPOCHS = 0.2


def cut_link(hosts: Hosts, prefixes: Sequence[Sequence[str]], strategy: Strategy, timeout: float) -> dict[str, Any]:
    """Cut the link of the last host after three rounds, connect it again, resume, and compare with a whole run.

    The result has the seconds from the cut until all processes ended, their exit codes and last lines, the rounds of
    each log then and at the end, and whether the weights equal a run that was not cut, bit by bit.
    """
    last, host = len(prefixes) - 1, hosts.address(0)
    with TemporaryDirectory(prefix="network-cut-") as name:
        folder = Path(name)
        whole, run = folder / "whole", folder / "run"

        def group(arguments: Sequence[str | Path], started_by: Strategy | None) -> TrainingGroup:
            how: dict[str, Any] = {"strategy": started_by, "host": host}
            return TrainingGroup(arguments, prefixes, folder, **how)

        with group(_WORK.arguments(whole, _EPOCHS), strategy) as uncut:
            uncut.finish(timeout)
        with group(_WORK.arguments(run, _EPOCHS), strategy) as cut:
            cut.wait_for_rounds(run, 3, timeout)
            hosts.cut(last)
            start = time.monotonic()
            codes = [cut.wait(number, timeout) for number in range(len(prefixes))]
            seconds, before = time.monotonic() - start, [len(rounds) for rounds in rounds_in(run)]
            messages = [cut.last_line_of(number) for number in range(len(prefixes))]
        hosts.repair(last)
        if any(codes):
            with group(("--resume", run), None) as resumed:
                resumed.finish(timeout)
        weights = [(directory / "model" / "weights.safetensors").read_bytes() for directory in (whole, run)]
        return {
            "strategy": strategy,
            "seconds_to_stop": round(seconds, 1),
            "exit_codes": codes,
            "messages": messages,
            "rounds_before": before,
            "rounds": [len(rounds) for rounds in rounds_in(run)],
            "equal": weights[0] == weights[1],
        }
