"""HTTP by hand over a socket: requests that no client library would send."""

import json
import socket
from dataclasses import dataclass
from typing import Any, Self

PATIENCE = 30.0
"""Seconds after which a server that must answer or close has failed, on a busy machine too."""


@dataclass(frozen=True)
class RawAnswer:
    """What a server sent before it closed the connection.

    Attributes:
        data: All bytes.
    """

    data: bytes

    @property
    def status(self) -> int:
        """The status of the first answer; 0 without one."""
        return int(self.data.split(b" ", 2)[1]) if self.data.startswith(b"HTTP/1.1 ") else 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the first answer."""
        lines = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def body(self) -> bytes:
        """What follows the headers of the first answer."""
        return self.data.partition(b"\r\n\r\n")[2]

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class RawClient:
    """A connection to a server on this machine.

    Args:
        port: The port of the server.
        receive_buffer: Bytes that the system keeps for a client that does not read; 0 for its default.
    """

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Send bytes, and return whether the server still takes them."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def receive(self) -> bytes:
        """Return the bytes that come next; empty once the server has closed."""
        try:
            return self.socket.recv(65_536)
        except ConnectionError:
            return b""

    def receive_until(self, end: bytes) -> bytes:
        """Return the bytes up to some that contain `end`, or all if the server closes before."""
        data = b""
        while end not in data and (more := self.receive()):
            data += more
        return data

    def receive_all(self) -> RawAnswer:
        """Return all that comes before the server closes; a `TimeoutError` if it does not."""
        data = b""
        while more := self.receive():
            data += more
        return RawAnswer(data)


def exchange(port: int, request: bytes) -> RawAnswer:
    """Send bytes in a connection of their own, and return the answer once the server has closed."""
    with RawClient(port) as client:
        client.send(request)
        return client.receive_all()


def get(path: str, *headers: str, close: bool = True) -> bytes:
    """Return a GET request."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, *(["Connection: close"] if close else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(path: str, body: bytes, *headers: str, close: bool = True) -> bytes:
    """Return a POST request with a JSON body."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *headers, *(["Connection: close"] if close else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
