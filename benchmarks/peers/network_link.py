"""Measures a network: `python network_link.py HOST BYTES` prints its port, and waits there for the other side.

`python network_link.py HOST BYTES PORT` is the other side, and prints bandwidth and latency.
"""

import json
import socket
import sys
import time

_BLOCK = 2**20
_ROUND_TRIPS = 500


def main() -> None:
    """Be one of the two sides."""
    host, num_bytes = sys.argv[1], int(sys.argv[2])
    if len(sys.argv) == 3:
        with socket.create_server((host, 0)) as server:
            print(server.getsockname()[1], flush=True)
            connection, _ = server.accept()
            with connection:
                answer(connection, num_bytes)
    else:
        with socket.create_connection((host, int(sys.argv[3]))) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            latency = round_trip(connection) / 2
            print(json.dumps({"gbps": bandwidth(connection, num_bytes), "latency_ms": 1000 * latency}))


def round_trip(connection: socket.socket) -> float:
    """Return the seconds of a round trip of one byte."""
    start = time.perf_counter()
    for _ in range(_ROUND_TRIPS):
        connection.sendall(b"x")
        connection.recv(1)
    return (time.perf_counter() - start) / _ROUND_TRIPS


def bandwidth(connection: socket.socket, num_bytes: int) -> float:
    """Return how many Gb/s travel to the other side."""
    block = bytes(_BLOCK)
    start = time.perf_counter()
    for _ in range(num_bytes // _BLOCK):
        connection.sendall(block)
    connection.recv(1)
    return num_bytes // _BLOCK * _BLOCK * 8 / 1e9 / (time.perf_counter() - start)


def answer(connection: socket.socket, num_bytes: int) -> None:
    """Answer the round trips, take all bytes, and report it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(_ROUND_TRIPS):
        connection.recv(1)
        connection.sendall(b"x")
    left, buffer = num_bytes // _BLOCK * _BLOCK, bytearray(_BLOCK)
    while left > 0:
        left -= connection.recv_into(buffer)
    connection.sendall(b"x")


if __name__ == "__main__":
    main()
