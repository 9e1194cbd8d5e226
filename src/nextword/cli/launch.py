"""`nextword launch`: several processes of one command on this machine."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType
from typing import IO

import click

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import CommandOptions, argument, option
from nextword.cli.output.messages import invocation
from nextword.errors import SettingError
from nextword.system.capacity import count_cores
from nextword.training.cluster.group import ProcessGroup


@dataclass(frozen=True, kw_only=True)
class _LaunchOptions(CommandOptions):
    processes: int = option(2, "-n", help="Number of processes.", at_least=1)
    words: tuple[str, ...] = argument(
        meaning="a command of nextword, such as train, with its arguments",
        metavar="COMMAND [ARGUMENTS]...",
        type=click.UNPROCESSED,
    )


@command(
    _LaunchOptions,
    examples=[
        "nextword launch -n 2 train my-text.txt --strategy population --run runs/pair",
        "nextword launch -n 2 train --resume runs/pair",
    ],
)
def launch(options: _LaunchOptions) -> None:
    """Start several processes of a command on this machine.

    COMMAND is a command of nextword. Each process reads its number and the address of the first one from
    KERAS_DISTRIBUTION_* variables. The output of all processes but the first goes to standard error, and each line
    begins with the number of its process. Ctrl-C reaches all of them. If processes fail, the exit code is the code of
    the one with the lowest number.
    """
    processes, words = options.processes, options.words
    if words[0] == "launch":
        raise SettingError("COMMAND must be another command than `launch`; name `train`")
    address = f"127.0.0.1:{_free_port()}"
    groups = [ProcessGroup(processes, number, address) for number in range(processes)]
    started = [_start(words, group) for group in groups]
    readers = [threading.Thread(target=_echo, args=(number, each.stdout)) for number, each in enumerate(started)]
    for reader in readers:
        reader.start()
    try:
        with _forwarding(started):
            codes = [each.wait() for each in started]
    finally:
        for each in started:
            each.kill()
        for reader in readers:
            reader.join()
    failed = next((code for code in codes if code), 0)
    if failed:
        sys.exit(128 - failed if failed < 0 else failed)  # a negative code is a signal


launch.allow_interspersed_args = False  # the options after COMMAND are its own


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _start(words: Sequence[str], group: ProcessGroup) -> subprocess.Popen[bytes]:
    """Start one process; the first one keeps the output of this one, and a share of the cores is left to the others."""
    cores = max(1, count_cores() // group.num_processes)
    environment = {"NPROC": str(cores), **os.environ, **group.to_environment()}
    call = invocation()
    output_flags = [*{-1: ["--quiet"], 1: ["--verbose"]}.get(call.verbosity, []), *["--no-color"] * (not call.color)]
    command = [sys.executable, "-m", "nextword", words[0], *output_flags, *words[1:]]
    # In a session of its own, so that Ctrl-C reaches it once: from here.
    if group.process_id == 0:
        return subprocess.Popen(command, env=environment, start_new_session=True)
    output, errors = subprocess.PIPE, subprocess.STDOUT
    return subprocess.Popen(command, env=environment, start_new_session=True, stdout=output, stderr=errors)


def _echo(number: int, output: IO[bytes] | None) -> None:
    with output or nullcontext(()) as lines:
        for line in lines:
            sys.stderr.write(f"[{number}] {line.decode(errors='replace')}")
            sys.stderr.flush()


@contextmanager
def _forwarding(started: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Send signals that ask this process to stop to those that it has started."""

    def forward(number: int, _frame: FrameType | None) -> None:
        for each in started:
            each.send_signal(number)

    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    previous = {number: signal.signal(number, forward) for number in heard}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
