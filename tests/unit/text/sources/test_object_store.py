"""An object store: a real S3 server on loopback, of moto, read through s3fs."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import TextError
from nextword.text.corpus import Corpus
from nextword.text.options import DEFAULT_OPTIONS
from nextword.text.sources.find import resolve_source

s3fs = pytest.importorskip("s3fs", reason="needs s3fs, which asks for other versions than nextword is tested with")
server = pytest.importorskip("moto.server", reason="needs moto[server], beside s3fs")

LINES = b"".join(b"the cat sat on mat %d\n" % number for number in range(300))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bucket that is reached as a user reaches one: by the variables of the environment."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", endpoint),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    system.mkdir("mail")
    yield system
    system.rm("mail", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def whole(text: str, cache: Path) -> bytes:
    return b"".join(resolve_source(text, DEFAULT_OPTIONS, cache_dir=cache, needed=("all",)).parts["all"].blocks())


def test_objects_are_read_one_by_one_and_by_a_pattern(store: Any, tmp_path: Path) -> None:
    store.pipe("mail/book.txt.gz", gzip.compress(LINES))
    corpus = Corpus.load("s3://mail/book.txt.gz", cache_dir=tmp_path)
    assert (corpus.name, corpus.stored_name) == ("book.txt.gz", "s3://mail/book.txt.gz")
    assert whole("s3://mail/book.txt.gz", tmp_path) == LINES
    store.pipe("mail/b.jsonl", b'{"text": "two"}\n')
    store.pipe("mail/a.jsonl", b'{"text": "one"}\n')
    assert whole("s3://mail/*.jsonl", tmp_path) == b"one\n\ntwo\n"


def test_an_object_is_copied_again_only_after_a_change(store: Any, tmp_path: Path) -> None:
    store.pipe("mail/a.txt", b"one\n")
    assert whole("s3://mail/a.txt", tmp_path) == b"one\n"
    (copy,) = tmp_path.glob("remote-*/source.txt")
    written = copy.stat().st_mtime_ns
    assert whole("s3://mail/a.txt", tmp_path) == b"one\n"
    assert copy.stat().st_mtime_ns == written
    store.pipe("mail/a.txt", b"two\n")
    assert whole("s3://mail/a.txt", tmp_path) == b"two\n"


def test_an_object_or_bucket_that_is_missing_is_named(store: Any, tmp_path: Path) -> None:
    for url in ("s3://mail/none.txt", "s3://nobucket/none.txt"):
        with pytest.raises(TextError, match=rf"`{url}` must be a file .* does not exist"):
            whole(url, tmp_path)
    with pytest.raises(TextError, match="must match at least one file, but matches none"):
        whole("s3://mail/*.csv", tmp_path)
