"""How fast bytes travel from one process of this machine to another, over TCP."""

import multiprocessing
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_BYTES = 2**28
_BLOCK = 2**20
_ROUND_TRIPS = 500


@dataclass(frozen=True, kw_only=True)
class Loopback:
    """The network between two processes of this machine, each on a core of its own where there are two.

    Attributes:
        gbps: Bandwidth in Gb/s, in one direction.
        latency_ms: Half of the time of a round trip of one byte, in milliseconds.
    """

    gbps: float
    latency_ms: float

    @classmethod
    def measure(cls, cores: Sequence[int]) -> Self:
        """Measure it on the first and the last of some cores."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            context = multiprocessing.get_context("spawn")
            other = context.Process(target=_answer, args=(server.getsockname(), cores[-1]), daemon=True)
            other.start()
            connection, _ = server.accept()
            before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {cores[0]})
            try:
                with connection:
                    return cls(latency_ms=_round_trip(connection) * 500, gbps=_bandwidth(connection))
            finally:
                os.sched_setaffinity(0, before)
                other.join(10)


def _round_trip(connection: socket.socket) -> float:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.perf_counter()
    for _ in range(_ROUND_TRIPS):
        connection.sendall(b"x")
        connection.recv(1)
    return (time.perf_counter() - began) / _ROUND_TRIPS


def _bandwidth(connection: socket.socket) -> float:
    block = bytes(_BLOCK)
    began = time.perf_counter()
    for _ in range(_BYTES // _BLOCK):
        connection.sendall(block)
    connection.recv(1)
    return _BYTES * 8 / 1e9 / (time.perf_counter() - began)


def _answer(address: tuple[str, int], core: int) -> None:
    """Answer the round trips, take all bytes, and say so."""
    os.sched_setaffinity(0, {core})
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(_ROUND_TRIPS):
            connection.recv(1)
            connection.sendall(b"x")
        left, buffer = _BYTES, bytearray(_BLOCK)
        while left > 0:
            left -= connection.recv_into(buffer)
        connection.sendall(b"x")
