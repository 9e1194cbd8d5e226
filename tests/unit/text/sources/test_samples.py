import hashlib
import io
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nextword.errors import TextError
from nextword.text.sources import samples
from nextword.text.sources.samples import SAMPLES, Download, fetch, sample_path

FILES = {"one.txt": b"the first\n", "two.txt": b"the second\n"}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


def refuse(name: str, folder: Path) -> Path:
    raise AssertionError("nothing is to be downloaded")


def test_austen_is_in_the_package_and_matches_its_readme() -> None:
    path = sample_path("austen")
    readme = path.with_name("README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in readme


@pytest.mark.parametrize("name", ["ptb", "wikitext-2"])
def test_a_sample_is_found_in_the_data_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "fetch", refuse)
    argument, variable = tmp_path / "argument", tmp_path / "variable"
    for folder in (argument, variable):
        (folder / name).mkdir(parents=True)
    monkeypatch.setenv("NEXTWORD_DATA", str(variable))
    assert sample_path(name) == variable / name
    assert sample_path(name, data_dir=argument) == argument / name


@pytest.mark.parametrize("variable", ["", "elsewhere"])
def test_a_sample_that_is_not_there_is_downloaded_into_the_cache(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_DATA", variable and str(tmp_path / variable))
    monkeypatch.setattr(samples, "fetch", lambda _, folder: folder)
    assert sample_path("ptb", cache_dir=tmp_path) == tmp_path / "samples" / "ptb"


def test_the_sums_of_downloads_are_those_of_the_corpora(data_dir: Path) -> None:
    for name in SAMPLES[1:]:
        if not (data_dir / name).is_dir():
            pytest.skip(f"needs {name}: set NEXTWORD_DATA to a folder that holds it")
        for file, expected in samples.DOWNLOADS[name].digests.items():
            assert hashlib.sha256((data_dir / name / file).read_bytes()).hexdigest() == expected


class FakeNetwork:
    """Gives what it holds, and remembers what was asked for."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.content:
            raise ConnectionError("no route to host")
        return self.content[url]


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    monkeypatch.setitem(samples.DOWNLOADS, "files", Download("https://example.org/", SUMS))
    network = FakeNetwork({f"https://example.org/{name}": content for name, content in FILES.items()})
    monkeypatch.setattr(samples, "_content_of", network)
    return network


@pytest.fixture
def zipped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], FakeNetwork]:
    def network(content: bytes) -> FakeNetwork:
        url = "https://example.org/all.zip"
        corpus = Download(url, SUMS, folder="all/", archive_digest=hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(samples.DOWNLOADS, "zipped", corpus)
        fake = FakeNetwork({url: content})
        monkeypatch.setattr(samples, "_content_of", fake)
        return fake

    return network


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_are_downloaded_once_and_then_only_looked_at(files: FakeNetwork, tmp_path: Path) -> None:
    folder = fetch("files", tmp_path / "new")
    assert fetch("files", tmp_path / "new") == folder
    assert {name: (folder / name).read_bytes() for name in names(folder)} == FILES
    assert len(files.asked) == 2


@pytest.mark.parametrize("damaged", [b"", b"the fir", b"the first\n\n"])
def test_a_damaged_file_is_downloaded_again_and_no_other(files: FakeNetwork, tmp_path: Path, damaged: bytes) -> None:
    fetch("files", tmp_path)
    (tmp_path / "one.txt").write_bytes(damaged)
    fetch("files", tmp_path)
    assert (tmp_path / "one.txt").read_bytes() == FILES["one.txt"]
    assert files.asked[2:] == ["https://example.org/one.txt"]


def test_a_file_with_another_sum_is_not_kept(files: FakeNetwork, tmp_path: Path) -> None:
    files.content["https://example.org/two.txt"] = b"not what was asked for"
    with pytest.raises(TextError, match="must be downloaded, but the download failed"):
        fetch("files", tmp_path)
    assert names(tmp_path) == ["one.txt"]


class Server(BaseHTTPRequestHandler):
    """Gives `one.txt` whole, and breaks off in the middle of `two.txt`."""

    def do_GET(self) -> None:
        content = FILES[self.path.strip("/")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.path == "/one.txt" else content[:5])

    def log_message(self, *_arguments: object) -> None:
        pass


def test_a_download_that_breaks_off_leaves_nothing_that_could_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setitem(samples.DOWNLOADS, "files", Download(address, SUMS))
        with pytest.raises(TextError, match=r"`two\.txt` is not the expected file"):
            fetch("files", tmp_path)
        server.shutdown()
    assert names(tmp_path) == ["one.txt"]
    with pytest.raises(TextError, match=r"download failed: .*refused.*NEXTWORD_DATA to a folder that holds files/one"):
        fetch("files", tmp_path)


def test_the_members_of_an_archive_are_taken_out_after_one_download(
    zipped: Callable[[bytes], FakeNetwork], tmp_path: Path
) -> None:
    members = {f"all/{name}": content for name, content in FILES.items()}
    network = zipped(archive(members | {"../outside.txt": b"no", "all/other.txt": b"no"}))
    fetch("zipped", tmp_path / "inside")
    assert names(tmp_path) == ["inside"]
    assert names(tmp_path / "inside") == sorted(FILES)
    assert len(network.asked) == 1


@pytest.mark.parametrize(
    "content",
    [b"no archive", archive({"all/one.txt": FILES["one.txt"]}), archive({f"all/{name}": b"other" for name in FILES})],
    ids=["no archive", "member missing", "other content"],
)
def test_an_archive_without_the_expected_files_is_refused(
    zipped: Callable[[bytes], FakeNetwork], tmp_path: Path, content: bytes
) -> None:
    zipped(content)
    with pytest.raises(TextError, match="`zipped` must be downloaded, but the download failed"):
        fetch("zipped", tmp_path)
    assert "two.txt" not in names(tmp_path)
    assert "all.zip" not in names(tmp_path)
