"""A PostgreSQL server of its own for tests, on a free port of the loopback interface."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from support.ports import free_port

PASSWORD = "kept-out-of-files"  # noqa: S105
_USER = "tuner"
_SETTINGS = ("fsync=off", "listen_addresses=127.0.0.1", "logging_collector=off", "timezone=UTC")
_PATIENCE = 240


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        port: Its port on 127.0.0.1.
        numbers: Numbers for the names of databases.
    """

    port: int
    numbers: Iterator[int]

    def new_database(self) -> str:
        """Create a database, and return its SQLAlchemy URL with user and password."""
        name = f"study{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.address(name).replace("postgresql:", "postgresql+psycopg:")

    def refuse_clients(self, url: str) -> None:
        """End all connections to a database, and refuse new ones, like a server that restarts."""
        name = url.rpartition("/")[2]
        self.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608

    def accept_clients(self, url: str) -> None:
        """Accept connections to a database again."""
        self.execute(f"ALTER DATABASE {url.rpartition('/')[2]} ALLOW_CONNECTIONS true")

    def execute(self, command: str) -> None:
        """Execute an SQL command in the database of the administrator."""
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(command.encode())

    def address(self, database: str) -> str:
        """Return the URL of a database as PostgreSQL's own programs take it."""
        return f"postgresql://{_USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgresql_server() -> Iterator[Server]:
    """Run a server in the block; skip the test if there is none on this machine."""
    pytest.importorskip("psycopg", reason="psycopg, the driver for PostgreSQL, is not installed")
    programs, account = _programs(), _account()
    folder = Path(tempfile.mkdtemp(prefix="nextword-postgresql-"))  # another account cannot enter pytest's folders
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD, encoding="ascii")
        if account is not None:
            for path in (folder, secret):
                shutil.chown(path, account)
        data, port = folder / "data", free_port()
        access = ("--username", _USER, "--auth", "scram-sha-256", "--pwfile", str(secret))
        initdb = [str(programs / "initdb"), "-D", str(data), *access, "--encoding", "UTF8", "--locale", "C"]
        subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, user=account, cwd=folder)
        options = [word for setting in _SETTINGS for word in ("-c", setting)]
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, user=account, cwd=folder)
        try:
            server = Server(port, count())
            _wait_for(server, process, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown, which ends open connections
            process.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = [path for path in folders if (path / "initdb").exists()]
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return found[-1]


def _account() -> str | None:
    """Return the account to run as, because PostgreSQL refuses root; `None` for the present one."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    account = next((name for name in ("postgres", "nobody") if name in known), None)
    if account is None:
        pytest.skip("PostgreSQL does not run as root, and there is no account `postgres` or `nobody`")
    return account


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(server.address("postgres")).close()
        except psycopg.OperationalError:
            lines = log.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, lines
            assert time.monotonic() < end, lines
            time.sleep(0.05)
        else:
            return
