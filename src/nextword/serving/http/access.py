"""Who may use the service: API keys, names of the host, and origins of web pages."""

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.types import Scope

from nextword.errors import SettingError
from nextword.serving.http.errors import ApiError
from nextword.serving.settings import API_KEYS_VARIABLE

_OPEN_PATHS = frozenset(("/livez", "/readyz", "/health"))
_PAGE = "/"
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_MIN_KEY_LENGTH = 16
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")  # visible, without the comma
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+")
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Return whether only programs of this machine reach an address."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def read_api_keys(file: Path | None, environment: Mapping[str, str]) -> list[str]:
    """Return the API keys of a file, one in a line, and of the environment."""
    keys = [key for key in re.split(r"[,\s]+", environment.get(API_KEYS_VARIABLE, "")) if key]
    if file is not None:
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"`--api-key-file` must be a readable text file, but `{file}` is not: {error}"
            ) from error
        listed = [line for line in lines if line and not line.startswith("#")]
        if not listed:
            raise SettingError(f"`--api-key-file` must hold a key in each line, but `{file}` holds none; add one")
        keys += listed
    for key in keys:
        if len(key) < _MIN_KEY_LENGTH or not _KEY.fullmatch(key):
            raise SettingError(
                f"an API key must be at least {_MIN_KEY_LENGTH} visible ASCII characters without commas, but one of "
                f"{len(key)} characters is not; make one with `openssl rand -hex 32`"
            )
    return keys


@dataclass(frozen=True)
class Access:
    """The rules of access."""

    key_digests: tuple[bytes, ...] = ()  # SHA-256 of each API key; without any, no key is needed
    names: frozenset[str] = frozenset(("localhost",))  # host names that requests may be sent to
    # Whether requests may be sent to any IP address; a foreign page can make a name of its own point to this machine,
    # but not an address.
    with_addresses: bool = False
    origins: tuple[str, ...] = ()  # origins of foreign web pages that may use the service

    @classmethod
    def of(
        cls, host: str, *, keys: Iterable[str] = (), allow_hosts: Sequence[str] = (), allow_origins: Sequence[str] = ()
    ) -> Self:
        """Return the rules for a service that listens on an address."""
        digests = tuple(_digest(key.encode("ascii")) for key in keys)
        if not is_loopback(host) and not digests:
            raise SettingError(
                f"an API key must be set if other machines can reach the service, but `--host` is {host!a} without "
                f"one; add `--api-key-file FILE` or set {API_KEYS_VARIABLE}, or use `--host 127.0.0.1`"
            )
        own = [] if is_loopback(host) or _address(host) else [host]
        names = {_checked_name(name.lower(), "--host") for name in own}
        names |= {_checked_name(name.lower(), "--allow-host") for name in allow_hosts}
        for origin in allow_origins:
            if not _ORIGIN.fullmatch(origin):
                raise SettingError(
                    f"`--allow-origin` must be an origin such as https://example.com, but is {origin!a}; name each one"
                )
        return cls(digests, frozenset(("localhost", *names)), not is_loopback(host), tuple(allow_origins))

    def require(self, scope: Scope) -> None:
        """Refuse a request that is sent to a foreign name, or by a foreign page."""
        host = self._require_host(_values(scope, b"host"))
        if scope["method"] not in _SAFE_METHODS:
            self._require_origin(scope, host)

    def require_key(self, scope: Scope) -> None:
        """Refuse a request without a key, unless it asks for health.

        For the page, a browser asks for a name and a password; the password is the key.
        """
        if not self.key_digests or scope["path"] in _OPEN_PATHS:
            return
        values = _values(scope, b"authorization")
        scheme, _, key = (values[0] if len(values) == 1 else b"").partition(b" ")
        is_page, scheme = scope["path"] == _PAGE, scheme.lower()
        digest = _digest(_password(key) if is_page and scheme == b"basic" else key.strip())
        matches = [hmac.compare_digest(digest, known) for known in self.key_digests]  # all, whichever is the right one
        if scheme not in ((b"bearer", b"basic") if is_page else (b"bearer",)) or not any(matches):
            raise ApiError(
                401,
                "a valid API key must be in the header `Authorization: Bearer KEY`",
                code="invalid_api_key",
                headers={"WWW-Authenticate": 'Basic realm="API key as password"' if is_page else "Bearer"},
            )

    def _require_host(self, values: Sequence[bytes]) -> str:
        host = values[0].decode("latin-1") if len(values) == 1 else ""
        match = _HOST.fullmatch(host)
        if match is None:
            raise ApiError(400, "the header Host must name this service", code="invalid_host")
        name = match["name"].lower().removesuffix(".")
        address = _address(name)
        is_known = name in self.names if address is None else self.with_addresses or address.is_loopback
        if not is_known:
            raise ApiError(
                421, "the header Host names another service; allow the name with `--allow-host`", code="unknown_host"
            )
        return host.lower()

    def _require_origin(self, scope: Scope, host: str) -> None:
        """Refuse what a foreign page sends: its browser would hide the answer, but send the request."""
        origins = _values(scope, b"origin")
        if not origins or _values(scope, b"sec-fetch-site") == [b"same-origin"]:
            return
        origin = origins[0].decode("latin-1").lower()
        if origin not in (*self.origins, f"http://{host}", f"https://{host}"):
            raise ApiError(
                403, "pages of other origins may not send this; allow one with `--allow-origin`", code="foreign_origin"
            )


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _password(credentials: bytes) -> bytes:
    """Return the password of Basic authentication; empty if it is malformed."""
    try:
        return base64.b64decode(credentials.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _checked_name(name: str, option: str) -> str:
    if not _NAME.fullmatch(name):
        raise SettingError(
            f"`{option}` must be the name of a host such as example.com, without scheme and port, but is {name!a}"
        )
    return name
