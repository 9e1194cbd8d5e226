"""Exchange of weights between processes that train by themselves in between.

The first process serves the shared weights over TCP. At the end of a round, each process sends its weights, and
receives the shared weights after the round. The server waits for all processes. Once one has come, the others have a
deadline. A process that misses it is left out, and comes back when it sends again.

The transport is `multiprocessing.connection`, with its challenge and response. Messages are safetensors, never pickles.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

import safetensors.numpy

from nextword.errors import ProcessLostError
from nextword.training.cluster.outer_weights import OuterWeights, Weights

_MOST_BYTES = 2**34
_SECONDS_BETWEEN_TRIES = 0.2
_HEADER = 16
"""Bytes before the weights: the number of the process, and that of the rounds in its weights, of 8 bytes each."""


def key_of(secret: str) -> bytes:
    """Return the key that processes prove to know, from something that all of them have."""
    return hashlib.sha256(f"nextword:{secret}".encode()).digest()


class WeightServer:
    """Serves the shared weights in threads of the first process.

    Args:
        outer: The shared weights.
        num_processes: Number of processes.
        seconds: How long the others have after the first one of a round has come.
        save: Receives the shared weights after each round, before anyone else does.
        warn: Receives what happens to processes.
    """

    def __init__(
        self,
        outer: OuterWeights,
        num_processes: int,
        *,
        seconds: float,
        save: Callable[[OuterWeights], object],
        warn: Callable[[str], object],
    ) -> None:
        self.outer = outer
        self._num_processes = num_processes
        self._seconds = seconds
        self._save = save
        self._warn = warn
        self._lock = threading.Condition()
        self._local: dict[int, Weights] = {}
        self._first_came = 0.0
        self._expected = set(range(num_processes))
        self._left: set[int] = set()

    def listen(self, host: str, port: int, key: bytes) -> None:
        """Answer in threads until the process ends."""
        listener = Listener((host, port), authkey=key, backlog=self._num_processes)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def wait_for_others(self, seconds: float) -> None:
        """Wait until all expected processes have left, but only so long."""
        with self._lock:
            self._left.add(0)
            self._lock.notify_all()
            self._lock.wait_for(lambda: self._left >= self._expected, timeout=seconds)

    def exchange(self, number: int, num_rounds: int, weights: Weights) -> OuterWeights:
        """Add the weights of a process to the round, and return the shared weights after it.

        If its weights began before the latest round, nothing is added: it comes back, with the weights of now.
        """
        with self._lock:
            if number not in self._expected:
                self._warn(f"process {number} is back")
            self._expected.add(number)
            if num_rounds != self.outer.num_rounds:
                return self.outer
            if not self._local:
                self._first_came = time.monotonic()
            self._local[number] = weights
            self._lock.notify_all()
            while self.outer.num_rounds == num_rounds:
                left = self._first_came + self._seconds - time.monotonic()
                if self._local.keys() >= self._expected - self._left or left <= 0:
                    self._end_round()
                else:
                    self._lock.wait(left)
            return self.outer

    def leave(self, number: int) -> None:
        """Note that a process has trained to the end."""
        with self._lock:
            self._left.add(number)
            self._lock.notify_all()

    def _end_round(self) -> None:
        lost = sorted(self._expected - self._left - self._local.keys())
        for number in lost:
            self._warn(f"process {number} is left out: it did not come within {self._seconds:g} seconds of the first")
        self._expected -= set(lost)
        self.outer = self.outer.after([self._local[number] for number in sorted(self._local)])
        self._local = {}
        self._save(self.outer)
        self._lock.notify_all()

    def _accept(self, listener: Listener) -> None:
        while True:
            with suppress(OSError, EOFError, AuthenticationError):
                connection = listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        """Answer one message. An empty one asks for the weights of now, and one without weights says goodbye."""
        with suppress(OSError, EOFError), connection:
            message = connection.recv_bytes(_MOST_BYTES)
            number, num_rounds = _read_header(message)
            if num_rounds < 0:
                self.leave(number)
                outer = self.outer
            else:
                weights = safetensors.numpy.load(message[_HEADER:]) if len(message) > _HEADER else None
                outer = self.outer if weights is None else self.exchange(number, num_rounds, weights)
            connection.send_bytes(_header(0, outer.num_rounds) + safetensors.numpy.save(dict(outer.weights)))


class WeightClient:
    """Asks the server of the first process.

    Args:
        host: Address of the first process.
        port: Its port.
        number: Number of this process.
        key: See `key_of`.
        seconds: How long the server waits for others; this process waits a minute longer.
    """

    def __init__(self, host: str, port: int, number: int, *, key: bytes, seconds: float) -> None:
        self._address, self._key = (host, port), key
        self._number = number
        self._patience = seconds + 60.0

    def current(self) -> tuple[int, Weights]:
        """Return the number of rounds, and the shared weights."""
        return self._ask(_header(self._number, 0))

    def exchange(self, num_rounds: int, weights: Weights) -> tuple[int, Weights]:
        """Send the weights of this process, and return the number of rounds and the shared weights after the round."""
        return self._ask(_header(self._number, num_rounds) + safetensors.numpy.save(dict(weights)))

    def leave(self) -> None:
        """Say that this process has trained to the end."""
        with suppress(ProcessLostError):  # the server may have ended first
            self._ask(_header(self._number, -1))

    def _ask(self, message: bytes) -> tuple[int, Weights]:
        deadline, problem = time.monotonic() + self._patience, "no answer"
        while (left := deadline - time.monotonic()) > 0:
            try:
                with Client(self._address, authkey=self._key) as connection:
                    connection.send_bytes(message)
                    if connection.poll(left):
                        answer: bytes = connection.recv_bytes(_MOST_BYTES)
                        return _read_header(answer)[1], safetensors.numpy.load(answer[_HEADER:])
            except (OSError, EOFError) as error:
                problem = str(error) or type(error).__name__
                time.sleep(_SECONDS_BETWEEN_TRIES)
            except AuthenticationError as error:
                raise ProcessLostError(
                    "all processes must read the same text, but the first one refuses the key of this one; start all "
                    "with the same command, on the same files"
                ) from error
        host, port = self._address
        raise ProcessLostError(
            f"process 0 must answer at {host}:{port} within {self._patience:g} seconds, but does not ({problem}); see "
            "its output, then start this one again with `train --resume RUN`"
        )


def _header(number: int, num_rounds: int) -> bytes:
    return number.to_bytes(8, "little") + num_rounds.to_bytes(8, "little", signed=True)


def _read_header(message: bytes) -> tuple[int, Any]:
    return int.from_bytes(message[:8], "little"), int.from_bytes(message[8:_HEADER], "little", signed=True)
