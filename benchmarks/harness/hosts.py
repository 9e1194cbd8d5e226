"""Network namespaces of Linux as hosts: each has an address, a link of limited speed to a switch, and no other."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Self

from harness.process import PeerUnableError
from harness.training_group import on_core

_FOLDER = Path("/etc/netns")
_BRIDGE = "switch"
_LINK = "uplink"


class Hosts:
    """Some hosts behind one switch, which are removed with the block.

    The kernel has a token bucket (`tbf`) on both ends of each link, so both directions are limited.
    """

    def __init__(self, count: int) -> None:
        self._names = [f"nextword-{os.getpid()}-{number}" for number in range(count)]
        self._switch = f"nextword-{os.getpid()}-switch"

    def __enter__(self) -> Self:
        _remove(_left_behind())
        try:
            _run("ip", "netns", "add", self._switch)
            _in(self._switch, "ip", "link", "add", _BRIDGE, "type", "bridge")
            _in(self._switch, "ip", "link", "set", _BRIDGE, "up")
            for number in range(len(self._names)):
                self._add(number)
        except BaseException:
            _remove([*self._names, self._switch])
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _remove([*self._names, self._switch])

    def address(self, number: int) -> str:
        """Return the address of a host."""
        return f"10.77.0.{number + 1}"

    def prefix(self, number: int, core: int) -> list[str]:
        """Return the beginning of a command that runs on a host, on one core."""
        return ["ip", "netns", "exec", self._names[number], *on_core(core)]

    def limit(self, gbps: float | None) -> None:
        """Limit all links to a bandwidth in each direction; `None` for no limit."""
        for number, name in enumerate(self._names):
            for space, device in ((name, _LINK), (self._switch, _port(number))):
                if gbps is None:
                    _in(space, "tc", "qdisc", "del", "dev", device, "root", check=False)
                else:
                    rate = ("rate", f"{gbps * 1000:g}mbit", "burst", "256kb", "latency", "100ms")
                    _in(space, "tc", "qdisc", "replace", "dev", device, "root", "tbf", *rate)

    def cut(self, number: int) -> None:
        """Cut the link of a host, as if its cable was pulled."""
        _in(self._switch, "ip", "link", "set", _port(number), "down")

    def repair(self, number: int) -> None:
        """Connect a host again, and let each host ask again where the others are."""
        _in(self._switch, "ip", "link", "set", _port(number), "up")
        for name in self._names:  # a question that was asked while the link was cut would fail later
            _in(name, "ip", "neighbor", "flush", "dev", _LINK)

    def name_itself(self, number: int, address: str) -> None:
        """Let a host find an address for its own name; Gloo listens at that one."""
        folder = _FOLDER / self._names[number]  # `ip netns exec` puts the files over those in /etc
        folder.mkdir(parents=True, exist_ok=True)
        own_name = Path("/proc/sys/kernel/hostname").read_text(encoding="ascii").strip()
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n{address} {own_name}\n", encoding="ascii")

    def _add(self, number: int) -> None:
        name, port = self._names[number], _port(number)
        _run("ip", "netns", "add", name)
        link = ("name", _LINK, "netns", name, "type", "veth", "peer", "name", port, "netns", self._switch)
        _run("ip", "link", "add", *link)
        _in(name, "ip", "address", "add", f"{self.address(number)}/24", "dev", _LINK)
        for device in ("lo", _LINK):
            _in(name, "ip", "link", "set", device, "up")
        _in(self._switch, "ip", "link", "set", port, "master", _BRIDGE, "up")
        self.name_itself(number, self.address(number))


def _left_behind() -> list[str]:
    """Return the namespaces of benchmarks that were killed."""
    names = [path.name for path in Path("/run/netns").glob("nextword-*")]
    owners = {name: re.fullmatch(r"nextword-(\d+)-\w+", name) for name in names}
    return [name for name, owner in owners.items() if owner and not Path("/proc", owner[1]).exists()]


def _remove(names: list[str]) -> None:
    for name in names:
        _run("ip", "netns", "delete", name, check=False)
        shutil.rmtree(_FOLDER / name, ignore_errors=True)


def _port(number: int) -> str:
    return f"port-{number}"


def _in(name: str, *command: str, check: bool = True) -> None:
    _run("ip", "netns", "exec", name, *command, check=check)


def _run(*command: str, check: bool = True) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PeerUnableError(f"`{command[0]}` cannot be started: {error.strerror}; install iproute2") from error
    if check and done.returncode:
        raise PeerUnableError(f"`{' '.join(command)}` failed: {done.stderr.strip()}; run it as root, on Linux")
