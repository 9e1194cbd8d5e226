"""A port for a program that can only be told where to listen."""

import random
import socket

_LOWEST, _HIGHEST = 20_000, 30_000  # below come those of the workers of Ray


def free_port() -> int:
    """Return a free port of 127.0.0.1 that the system gives to nobody by itself.

    Systems number connections, and listeners on port 0, from 32,768 (Linux) or 49,152 (macOS) on. A port from there
    may be taken before the program listens.
    """
    while True:
        port = random.SystemRandom().randrange(_LOWEST, _HIGHEST)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
