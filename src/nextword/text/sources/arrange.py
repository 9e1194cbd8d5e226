"""Documents without repetitions, in another order, and split by their content."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO

from nextword.errors import counted
from nextword.system.cache import cache_key, cached_content, cached_folder
from nextword.text.options import TextOptions
from nextword.text.reading.progress import Task
from nextword.text.reading.reader import TextRange
from nextword.text.sources.documents import Document, DocumentSpacing, document_lines, encoded, require_text
from nextword.text.sources.files import DocumentUnit, Source, TextFile
from nextword.text.sources.names import SPLITS, SplitName, SplitOrAll
from nextword.text.sources.plain import FORMAT, PlainText, file_of
from nextword.text.sources.shuffle import ShuffledDocuments

LONG_LINE = 100
"""Fewest characters of a line that is dropped if it was there before. Shorter ones are often repeated on purpose."""

WHOLE_TEXT = "text"
"""The name of the one output of a text that is not split."""

_BLOCK = 2**20

_COUNTS = "counts.json"


@dataclass(kw_only=True)
class ArrangementCounts:
    """What became of the documents."""

    num_documents: int = 0  # documents that were kept
    num_repeated_documents: int = 0  # documents that were dropped, because an equal one was before them
    num_repeated_lines: int = 0  # long lines that were dropped, because an equal one was before them
    split: dict[str, int] = dataclasses.field(default_factory=dict)  # kept documents; empty if not split by documents

    def describe(self, options: TextOptions) -> list[str]:
        """Return the counts in words."""
        sentences = []
        if self.split:
            shares = ", ".join(
                f"{name} {number / max(1, self.num_documents):.1%}" for name, number in self.split.items()
            )
            sentences.append(f"split by a hash of each of {counted(self.num_documents, 'document')}: {shares}")
        if options.deduplicate != "none":
            sentences.append(f"{counted(self.num_repeated_documents, 'repeated document')} dropped")
        if options.deduplicate == "lines":
            sentences.append(
                f"{counted(self.num_repeated_lines, 'repeated line')} of {LONG_LINE} characters or more dropped"
            )
        if options.text_order != "given":
            sentences.append(f"shuffled by {options.text_order.removesuffix('s')} with seed {options.text_seed}")
        return sentences


def _settings_of(options: TextOptions) -> tuple[str, ...]:
    """Return all options that an arranged text depends on, besides those that its documents depend on."""
    fractions = (options.valid_fraction, options.test_fraction) if options.split_by == "document" else ()
    how = (options.split_by, options.deduplicate, options.text_order, options.text_seed, options.on_bad_bytes)
    return tuple(map(repr, (*how, *fractions)))


def write_arranged(
    documents: Iterable[Document], options: TextOptions, folder: Path, *, always_blank: bool
) -> ArrangementCounts:
    """Write documents as plain text: train.txt, valid.txt and test.txt, or text.txt if they are not split.

    Memory holds about 100 bytes for each document and long line if repeated ones are dropped, and a 64th of a text that
    is shuffled.
    """
    counts = ArrangementCounts()
    with ExitStack() as stack:
        names = SPLITS if options.split_by == "document" else (WHOLE_TEXT,)
        outputs = [_Output(folder, name, options, stack, always_blank=always_blank) for name in names]
        for text, digest in _kept(documents, options, counts):
            outputs[_side(digest, options)].add(text)
        for output in outputs:
            output.finish()
    counts.num_documents = sum(output.num_documents for output in outputs)
    if options.split_by == "document":
        counts.split = {name: output.num_documents for name, output in zip(names, outputs, strict=True)}
    return counts


class _Output:
    def __init__(self, folder: Path, name: str, options: TextOptions, stack: ExitStack, *, always_blank: bool) -> None:
        self.num_documents = 0
        self._spacing = DocumentSpacing(always_blank=always_blank)
        self._file: IO[bytes] = stack.enter_context((folder / f"{name}.txt").open("wb"))
        self._shuffled: ShuffledDocuments | None = None
        if options.text_order != "given":
            block = _BLOCK if options.text_order == "blocks" else 0
            self._shuffled = stack.enter_context(ShuffledDocuments(folder, options.text_seed, block))

    def add(self, text: str) -> None:
        self.num_documents += 1
        if self._shuffled:
            self._shuffled.add(text)
        else:
            self._write(text)

    def finish(self) -> None:
        if self._shuffled:
            for text in self._shuffled.documents():
                self._write(text)

    def _write(self, text: str) -> None:
        self._file.write(encoded(self._spacing.lines_of(text)))


def _kept(
    documents: Iterable[Document], options: TextOptions, counts: ArrangementCounts
) -> Iterator[tuple[str, bytes]]:
    """Yield the documents that are not dropped, with the digest of each as it was before lines were dropped."""
    seen_documents, seen_lines = set[bytes](), set[bytes]()
    task = Task("arranging the documents", None)
    for location, document in documents:
        if options.on_bad_bytes == "strict":
            require_text(location, document)
        task.advance(len(document))
        lines = document_lines(document)
        text = "\n".join(lines)
        digest = _digest(text)
        if options.deduplicate != "none" and not _added(digest, seen_documents):
            counts.num_repeated_documents += 1
            continue
        if options.deduplicate == "lines":
            kept = [line for line in lines if len(line) < LONG_LINE or _added(_digest(line), seen_lines)]
            counts.num_repeated_lines += len(lines) - len(kept)
            text = "\n".join(kept)
            if not text.strip():
                continue
        yield text, digest


def _digest(text: str) -> bytes:
    """Return 128 bits, equal for equal texts; half a surrogate pair counts as a character."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _added(digest: bytes, seen: set[bytes]) -> bool:
    """Add a digest, and return whether it was not there before."""
    is_new = digest not in seen
    seen.add(digest)
    return is_new


def _side(digest: bytes, options: TextOptions) -> int:
    """Return which output a document goes to: train, valid, test, or the only one."""
    if options.split_by != "document":
        return 0
    fraction = int.from_bytes(digest[:8], "little") / 2**64
    if fraction < options.test_fraction:
        return 2
    return int(fraction < options.test_fraction + options.valid_fraction)


def arranged_text(
    sources: Sequence[Source], options: TextOptions, cache: Path, *, shown: str, splits: Sequence[SplitName]
) -> PlainText:
    """Return the documents of some files, or of rows in memory, as the options arrange them."""
    unit: DocumentUnit = "file" if len(sources) > 1 else "paragraph"
    if options.document != "auto":
        unit = options.document
    has_records = all(source.has_records for source in sources)

    def write(folder: Path) -> None:
        documents = chain.from_iterable(source.documents(unit) for source in sources)
        counts = write_arranged(documents, options, folder, always_blank=not has_records and unit != "line")
        (folder / _COUNTS).write_text(json.dumps(asdict(counts)), encoding="utf-8")

    files = [source for source in sources if isinstance(source, TextFile)]
    if files:
        made_by = [part for file in files for part in file.made_by]
        key = cache_key(FORMAT, "arranged", *_settings_of(options), "" if has_records else unit, *made_by)
        folder = cached_folder(cache / f"text-{key}", write)
    else:
        folder = cached_content(cache, "text", write, FORMAT, "arranged rows")
    counts = ArrangementCounts(**json.loads((folder / _COUNTS).read_text(encoding="utf-8")))
    names: Sequence[SplitOrAll] = splits if options.split_by == "document" else ("all",)
    ranges = {name: replace(TextRange.whole(folder / file_of(name)), shown=shown) for name in names}
    return PlainText(ranges, "; ".join(counts.describe(options)))
