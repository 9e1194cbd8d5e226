"""Addresses: a real web server on loopback, and the file systems `memory` and `file`."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import MissingExtraError, TextError
from nextword.text.corpus import Corpus
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.sources import remote
from nextword.text.sources.find import resolve_source
from nextword.text.sources.names import stored_name
from nextword.text.sources.remote import remote_files
from support.packing import PACK

fsspec = pytest.importorskip("fsspec", reason="needs fsspec: install the extra `data`")

LINES = b"".join(b"the cat sat on mat %d\n" % number for number in range(300))


class Server:
    """A web server for a folder.

    Attributes:
        url: Its address.
        requests: What was asked for.
    """

    def __init__(self, folder: Path, *, tells_version: bool) -> None:
        self.requests: list[str] = []
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                super().do_GET()

            def send_header(self, keyword: str, value: str) -> None:
                if keyword == "Last-Modified" and tells_version:
                    super().send_header("ETag", f'"{value}"')
                super().send_header(keyword, value)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "book.txt.gz").write_bytes(PACK["gzip"](LINES))
    (folder / "notes.jsonl").write_bytes(b'{"text": "one"}\n{"text": 2}\n')
    return folder


@pytest.fixture(params=[True, False], ids=["version", "no-version"])
def server(request: pytest.FixtureRequest, served: Path) -> Iterator[Server]:
    running = Server(served, tells_version=request.param)
    yield running
    running.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def whole(text: str, cache: Path) -> bytes:
    return b"".join(resolve_source(text, DEFAULT_OPTIONS, cache_dir=cache, needed=("all",)).parts["all"].blocks())


def test_a_text_on_a_web_server_is_read(server: Server, served: Path, cache: Path) -> None:
    url = f"{server.url}/book.txt.gz"
    corpus = Corpus.load(url, cache_dir=cache)
    local = Corpus.load(served / "book.txt.gz", cache_dir=cache)
    assert corpus.sha256 == local.sha256
    assert (corpus.name, corpus.stored_name) == ("book.txt.gz", url)
    assert corpus.report.how_split.startswith(f"one file, `{url}`, split by bytes")
    (served / "book.txt.gz").write_bytes(PACK["gzip"](LINES * 2))
    assert whole(f"{url}", cache) == LINES * 2


def test_a_file_is_copied_once_if_its_server_tells_a_version(served: Path, cache: Path) -> None:
    server = Server(served, tells_version=True)
    try:
        for _ in range(3):
            assert whole(f"{server.url}/book.txt.gz", cache) == LINES
        assert len(server.requests) == 1
    finally:
        server.close()


def test_an_error_names_the_address_and_the_line(server: Server, cache: Path) -> None:
    with pytest.raises(TextError, match=rf"`{server.url}/notes\.jsonl`, line 2: the field `text` must be a string"):
        whole(f"{server.url}/notes.jsonl", cache)


def test_an_address_without_a_file_is_refused(server: Server, cache: Path) -> None:
    with pytest.raises(TextError, match=rf"`{server.url}/none\.txt` must be a file .* does not exist"):
        whole(f"{server.url}/none.txt", cache)


def test_a_server_that_is_away_is_refused(served: Path, cache: Path) -> None:
    server = Server(served, tells_version=True)
    server.close()
    with pytest.raises(TextError, match=r"must be a file that can be read, but"):
        whole(f"{server.url}/book.txt.gz", cache)


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def test_files_of_a_pattern_are_joined_in_the_order_of_their_names(memory: Any, cache: Path) -> None:
    memory.pipe({"/mail/b.jsonl": b'{"text": "two"}\n', "/mail/a.jsonl.gz": PACK["gzip"](b'{"text": "one"}\n')})
    memory.pipe({"/mail/c.txt": b"three\n", "/mail/old.jsonl/d.txt": b"four\n"})  # a folder is no file
    assert whole("memory://mail/*.jsonl*", cache) == b"one\n\ntwo\n"
    assert whole("memory://mail/c.txt", cache) == b"three\n"
    with pytest.raises(TextError, match=r"`memory://mail/\*\.csv` must match at least one file, but matches none"):
        whole("memory://mail/*.csv", cache)


def test_documents_of_an_address_are_split_by_their_hash(memory: Any, cache: Path) -> None:
    memory.pipe("/mail.jsonl", b"".join(b'{"text": "mail %d"}\n' % (number % 100) for number in range(200)))
    options = TextOptions(split_by="document", deduplicate="documents", valid_fraction=0.2, test_fraction=0.2)
    source = resolve_source("memory://mail.jsonl", options, cache_dir=cache)
    assert sum(part.num_bytes for part in source.parts.values()) == sum(len(f"mail {n}\n") for n in range(100))
    assert "100 repeated documents dropped" in source.how_split


@pytest.mark.parametrize("pattern", ["book.txt.gz", "*.gz"])
def test_files_of_this_machine_may_have_an_address(served: Path, cache: Path, pattern: str) -> None:
    url = f"{served.as_uri()}/{pattern}"
    assert whole(url, cache) == LINES
    assert stored_name(url) == str(served / pattern)
    assert not list(cache.glob("remote-*"))


def test_without_its_library_an_address_is_refused_with_the_extra(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"reading `s3://a/b` needs fsspec, .* pip install 'nextword\[data\]'"):
        remote_files("s3://a/b", cache)


def test_a_file_system_that_is_not_installed_or_not_known_is_named(cache: Path) -> None:
    fsspec.register_implementation("absent", "no_such_package.System", errtxt="install no_such_package", clobber=True)
    with pytest.raises(MissingExtraError, match=r"reading `absent://a` needs a package .* \(install no_such_package\)"):
        remote_files("absent://a", cache)
    with pytest.raises(TextError, match=r"`nosuch://a` must be a file that can be read, but: ValueError: .*nosuch"):
        remote_files("nosuch://a", cache)
