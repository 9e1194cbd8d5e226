"""Keys, host names and origins: who may use the service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import BaseRoute

from nextword.bundle.origin import sample_model_path
from nextword.errors import SettingError
from nextword.serving.application import create_application
from nextword.serving.http.access import Access, is_loopback, read_api_keys
from nextword.serving.http.errors import ApiError
from nextword.serving.served_model import ModelSlot, ModelSource
from support.raw_http import RawAnswer, exchange
from support.running_transport import RunningServer, running
from support.trust_cases import TrustCases

KEY, OTHER_KEY = "k" * 32, "o" * 32
EVERYWHERE = "0.0.0.0"  # noqa: S104
OPEN = {"/livez", "/readyz", "/health"}


@pytest.fixture(scope="module")
def slot() -> Iterator[ModelSlot]:
    slot = ModelSlot(ModelSource(sample_model_path("austen")).load())
    yield slot
    slot.current.scheduler.close()


@pytest.fixture(scope="module")
def guarded(slot: ModelSlot) -> Iterator[RunningServer]:
    """A service with two keys and one foreign page."""
    access = Access.of(
        EVERYWHERE, keys=[KEY, OTHER_KEY], allow_hosts=["Example.com"], allow_origins=["https://page.example"]
    )
    with running(create_application(slot, access=access)) as server:
        yield server


@pytest.fixture(scope="module")
def local(slot: ModelSlot) -> Iterator[RunningServer]:
    """A service as it is by default: for this machine, without a key."""
    with running(create_application(slot)) as server:
        yield server


def request(port: int, method: str, path: str, *headers: str, host: str = "localhost") -> RawAnswer:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "Content-Length: 0", "Connection: close"]
    return exchange(port, "\r\n".join([*lines, "", ""]).encode("latin-1"))


def routes(slot: ModelSlot) -> list[tuple[str, str]]:
    """Each method and path of the application, those of its documentation included."""
    found: list[tuple[str, str]] = []

    def walk(members: list[BaseRoute], prefix: str = "") -> None:
        for route in members:
            path = prefix + str(getattr(route, "path", ""))
            included = getattr(route, "original_router", route)
            below = list(getattr(included, "routes", None) or [])
            if below:
                walk(below, path)
            else:
                found.extend((method, path) for method in sorted(getattr(route, "methods", None) or ["GET"]))

    application = create_application(slot)
    walk(list(application.routes))
    assert {path.replace(":path", "") for _, path in found} >= set(application.openapi()["paths"])
    return found


def test_every_route_but_health_needs_a_key(guarded: RunningServer, slot: ModelSlot, trust_cases: TrustCases) -> None:
    paths = routes(slot)
    assert {path for _, path in paths} >= {"/livez", "/readyz", "/metrics", "/v1/completions", "/openapi.json"}
    for method, path in paths:
        filled = path.replace("{", "").replace("}", "").replace(":path", "")
        if filled in OPEN:
            assert request(guarded.port, method, filled).status == 200
            continue
        for headers in ([], ["Authorization: Bearer wrong" + "x" * 30], ["Authorization: Bearer "]):
            answer = request(guarded.port, method, filled, *headers)
            assert answer.status == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Basic" if filled == "/" else "Bearer")
            if method != "HEAD":
                assert answer.json()["error"]["type"] == "authentication_error"
            trust_cases.add()


def test_no_spelling_of_a_path_opens_it(guarded: RunningServer) -> None:
    for path in ("//livez", "/livez/..//metrics", "/page/%2e%2e/metrics", "/metrics?path=/livez", "/%6detrics"):
        assert request(guarded.port, "GET", path).status == 401, path


@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
def test_each_key_opens_the_routes(guarded: RunningServer, key: str) -> None:
    assert request(guarded.port, "GET", "/metrics", f"Authorization: Bearer {key}").status == 200
    assert request(guarded.port, "GET", "/metrics", f"authorization: bearer {key}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        [f"Authorization: {KEY}"],
        [f"Authorization: Basic {KEY}"],
        [f"Authorization: Bearer {KEY[:-1]}"],
        [f"Authorization: Bearer {KEY}, {OTHER_KEY}"],
        [f"Authorization: Bearer {KEY}", "Authorization: Bearer wrong"],
        [f"Authorization: Bearer {KEY.upper()}"],
        ["Authorization: Bearer \xe9"],
    ],
)
def test_a_wrong_key_opens_nothing(guarded: RunningServer, headers: list[str]) -> None:
    assert request(guarded.port, "GET", "/metrics", *headers).status == 401


def test_without_keys_this_machine_may_use_all_routes(local: RunningServer) -> None:
    assert request(local.port, "GET", "/metrics").status == 200


LOCAL = Access.of("127.0.0.1")
NAMED = Access.of(EVERYWHERE, keys=[KEY], allow_hosts=["Example.com"], allow_origins=["https://page.example"])


def required(access: Access, host: str, *, method: str = "GET", **headers: str) -> int:
    """The status of a request; 0 if it is allowed."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
    try:
        access.require({"method": method, "path": "/livez", "headers": pairs})
    except ApiError as error:
        return error.status
    return 0


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:9", "localhost."], 0),
        (["evil.example", "evil.example:8000", "localhost.evil.example", "192.168.1.5", "[2001:db8::1]"], 421),
        (["0x7f000001"], 421),
        (["", "localhost:80:80", "local host", "localhost/", "evil.example@localhost", "[::1", "localhost:port"], 400),
        (["localhost, evil.example"], 400),
    ],
)
def test_only_names_of_this_machine_are_served(hosts: list[str], status: int) -> None:
    assert {host: required(LOCAL, host) for host in hosts} == dict.fromkeys(hosts, status)


def test_allowed_names_and_addresses_are_served() -> None:
    for host in ("example.com", "EXAMPLE.COM:443", "localhost", "192.168.1.5:8000", "[2001:db8::1]"):
        assert required(NAMED, host) == 0, host
    for host in ("evil.example", "www.example.com", "example.com.evil.example"):
        assert required(NAMED, host) == 421, host


def test_a_request_without_a_host_is_refused(local: RunningServer) -> None:
    assert exchange(local.port, b"GET /livez HTTP/1.0\r\n\r\n").status == 400


def test_no_page_may_read_answers_by_default(local: RunningServer) -> None:
    for method in ("GET", "OPTIONS"):
        answer = request(local.port, method, "/livez", "Origin: https://page.example")
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_only_its_own_page_may_send() -> None:
    for origin in ("https://page.example", "null", "http://localhost:1", "http://localhost.evil.example"):
        assert required(LOCAL, "localhost:8000", method="POST", origin=origin) == 403, origin
    for origin in ("http://localhost:8000", "https://localhost:8000"):
        assert required(LOCAL, "localhost:8000", method="POST", origin=origin) == 0
    own = {"origin": "https://a.example", "sec_fetch_site": "same-origin"}
    assert required(LOCAL, "localhost:8000", method="POST", **own) == 0


def test_a_page_that_is_named_may_send_and_read(guarded: RunningServer) -> None:
    origin = "Origin: https://page.example"
    asked = request(
        guarded.port,
        "OPTIONS",
        "/v1/completions",
        origin,
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization, content-type, x-stainless-os, x-stainless-lang",
    )
    assert asked.status == 200
    assert asked.headers["access-control-allow-origin"] == "https://page.example"
    assert "access-control-allow-credentials" not in asked.headers
    sent = request(guarded.port, "POST", "/v1/completions", origin)
    assert sent.status == 401
    assert sent.headers["access-control-allow-origin"] == "https://page.example"
    other = request(guarded.port, "GET", "/livez", "Origin: https://evil.example")
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_page_that_is_named_may_use_every_method_of_the_routes(guarded: RunningServer, method: str) -> None:
    headers = ("Origin: https://page.example", f"Access-Control-Request-Method: {method}")
    asked = request(guarded.port, "OPTIONS", "/v1/models/abc", *headers)
    assert asked.status == 200
    assert method in asked.headers["access-control-allow-methods"].split(", ")


def test_an_address_that_others_reach_needs_a_key() -> None:
    for host in (EVERYWHERE, "::", "192.168.1.5", "example.com"):
        with pytest.raises(SettingError, match="--api-key-file"):
            Access.of(host)
        assert Access.of(host, keys=[KEY]).key_digests
    for host in ("127.0.0.1", "localhost", "::1"):
        assert Access.of(host).key_digests == ()


def test_the_host_that_is_listened_on_is_a_name_of_the_service() -> None:
    assert "models.example.com" in Access.of("models.example.com", keys=[KEY]).names


def test_names_and_origins_are_checked() -> None:
    for name in ("https://example.com", "example.com:80", "", "*", "a b", "-a"):
        with pytest.raises(SettingError, match="--allow-host"):
            Access.of("127.0.0.1", allow_hosts=[name])
    with pytest.raises(SettingError, match="`--host`"):
        Access.of("no such host", keys=[KEY])
    for origin in ("*", "null", "example.com", "https://example.com/", "file://"):
        with pytest.raises(SettingError, match="--allow-origin"):
            Access.of("127.0.0.1", allow_origins=[origin])


def test_keys_come_from_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of the team\n{KEY}\n\n  {OTHER_KEY}  \n", encoding="utf-8")
    third = "t" * 20
    assert read_api_keys(file, {}) == [KEY, OTHER_KEY]
    file.write_bytes(f"{KEY}\r\n{OTHER_KEY}\r\n".encode("utf-8-sig"))  # as editors of Windows write it
    assert read_api_keys(file, {}) == [KEY, OTHER_KEY]
    assert read_api_keys(None, {"NEXTWORD_SERVE_API_KEYS": f"{KEY},{OTHER_KEY}\n{third}"}) == [KEY, OTHER_KEY, third]
    assert read_api_keys(None, {}) == []


@pytest.mark.parametrize("content", ["", "# nothing\n", "short\n", "k" * 20 + " with spaces\n", "k" * 15 + "\xe9\n"])
def test_a_file_without_proper_keys_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        read_api_keys(file, {})
    assert "short" not in str(refused.value).replace("too short", "")
    assert "kkkk" not in str(refused.value)


def test_a_file_of_keys_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--api-key-file"):
        read_api_keys(tmp_path / "keys", {})


def test_loopback_is_this_machine_only() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"]))
    assert not any(map(is_loopback, [EVERYWHERE, "::", "10.0.0.1", "example.com", "localhost.example.com"]))


def test_all_keys_are_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr("nextword.serving.http.access.hmac.compare_digest", compare)
    access = Access.of("127.0.0.1", keys=[KEY, OTHER_KEY])
    access.require_key({"path": "/metrics", "headers": [(b"authorization", f"Bearer {KEY}".encode())]})
    assert len(compared) == 2
    with pytest.raises(ApiError):
        access.require_key({"path": "/metrics", "headers": [(b"authorization", b"Bearer ")]})
    assert len(compared) == 4
    assert all(len(digest) == 32 for digest in compared)
