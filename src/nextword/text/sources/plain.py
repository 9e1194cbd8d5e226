"""Texts that are not plain files, written once as plain files into the cache, and a text split in three.

The rest of the text pipeline reads ranges of plain files. Everything else becomes one here: packed files, records,
folders of text files, what a Python program holds in memory, and documents that are split or dropped by their content.
A plain file is kept under a name that depends on all that it was made of, and the same text is written only once.
Memory holds one block or one document at a time, and about 100 bytes for each document if repeated ones are dropped.
"""

import io
import json
import mmap
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

from nextword.errors import TextError, counted
from nextword.system.cache import cache_error, cache_key, cached_content, cached_folder
from nextword.system.progress import Task, reported
from nextword.text.options import TextOptions
from nextword.text.reading.packing import BLOCK, unreadable
from nextword.text.reading.reader import TextRange
from nextword.text.sources.documents import Document, DocumentSpacing, document_lines, encoded, require_text
from nextword.text.sources.files import DocumentUnit, Source, TextFile
from nextword.text.sources.names import SPLITS, SplitName, SplitOrAll

_FORMAT = 4  # raise this number whenever the same source gives another plain text
_COUNTS = "counts.json"


class PlainText(NamedTuple):
    """A text as ranges of plain files."""

    ranges: Mapping[SplitOrAll, TextRange]  # all of it, or its splits
    description: str = ""  # in words, what became of its documents; empty if nothing did
    num_left: int = 0  # mails that are HTML only, which are left out


def plain_files(files: Sequence[TextFile], options: TextOptions, cache: Path, *, shown: str) -> PlainText:
    """Return files as one text, with a blank line between two: a plain file itself, or what was written of them."""
    if len(files) == 1 and files[0].is_plain:
        return PlainText({"all": files[0].whole})

    def write(folder: Path) -> None:
        _write(folder, "all", _joined(files) if len(files) > 1 else files[0].blocks())
        _write_counts(folder, num_left=sum(file.num_left for file in files))

    joined = (options.on_bad_bytes,) if len(files) > 1 else ()
    key = cache_key(_FORMAT, *joined, *chain.from_iterable(file.made_by for file in files))
    folder = cached_folder(cache / f"text-{key}", write)
    return PlainText(_ranges(folder, ("all",), shown), num_left=_counts(folder)["num_left"])


def plain_rows(sources: Mapping[SplitOrAll, Source], cache: Path, *, shown: str) -> PlainText:
    """Return what a program holds in memory, by its splits, as it was written to the cache."""

    def write(folder: Path) -> None:
        for split, source in sources.items():
            _write(folder, split, source.blocks())

    return PlainText(_ranges(cached_content(cache, "text", write, _FORMAT, "rows"), [*sources], shown))


def arranged_text(
    sources: Sequence[Source], options: TextOptions, cache: Path, *, shown: str, splits: Sequence[SplitName]
) -> PlainText:
    """Return the documents of files, or of rows in memory, without repeated ones or split by their content."""
    unit: DocumentUnit = "file" if len(sources) > 1 else "paragraph"
    if options.document != "auto":
        unit = options.document
    has_records = all(source.has_records for source in sources)
    files = [source for source in sources if isinstance(source, TextFile)]

    def write(folder: Path) -> None:
        documents = chain.from_iterable(source.documents(unit) for source in sources)
        counts = write_arranged(documents, options, folder, always_blank=not has_records and unit != "line")
        _write_counts(folder, num_left=sum(file.num_left for file in files), **counts._asdict())

    if files:
        fractions = (options.valid_fraction, options.test_fraction) if options.split_by == "document" else ()
        how = map(repr, (options.split_by, options.deduplicate, options.on_bad_bytes, *fractions))
        made_by = chain.from_iterable(file.made_by for file in files)
        key = cache_key(_FORMAT, "arranged", *how, "" if has_records else unit, *made_by)
        folder = cached_folder(cache / f"text-{key}", write)
    else:
        folder = cached_content(cache, "text", write, _FORMAT, "arranged rows")
    table = _counts(folder)
    num_left = table.pop("num_left")
    names: Sequence[SplitOrAll] = splits if options.split_by == "document" else ("all",)
    return PlainText(_ranges(folder, names, shown), ArrangementCounts(**table).describe(options), num_left)


class ArrangementCounts(NamedTuple):
    """What became of the documents."""

    num_kept: dict[str, int]  # documents of each file
    num_repeated: int  # documents that were dropped, because an equal one was before them

    def describe(self, options: TextOptions) -> str:
        """Return the counts in words."""
        sentences = []
        if options.split_by == "document":
            total = sum(self.num_kept.values())
            shares = ", ".join(f"{name} {number / max(1, total):.1%}" for name, number in self.num_kept.items())
            sentences.append(f"split by a hash of each of {counted(total, 'document')}: {shares}")
        if options.deduplicate != "none":
            sentences.append(f"{counted(self.num_repeated, 'repeated document')} dropped")
        return "; ".join(sentences)


def write_arranged(
    documents: Iterable[Document], options: TextOptions, folder: Path, *, always_blank: bool
) -> ArrangementCounts:
    """Write documents as plain text: a file for each split, or one if they are not split."""
    splits: Sequence[SplitOrAll] = SPLITS if options.split_by == "document" else ("all",)
    num_kept, num_repeated = dict.fromkeys(splits, 0), 0
    spacings = {split: DocumentSpacing(always_blank=always_blank) for split in splits}
    task, seen = Task("arranging the documents", None), set[bytes]()
    with ExitStack() as stack:
        files = {split: stack.enter_context(_created(folder, split)) for split in splits}
        for location, document in documents:
            if options.on_bad_bytes == "strict":
                require_text(location, document)
            task.advance(len(document))
            text = "\n".join(document_lines(document))
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if options.deduplicate != "none":
                if digest in seen:
                    num_repeated += 1
                    continue
                seen.add(digest)
            split = _side(digest, options) if options.split_by == "document" else "all"
            files[split].write(encoded(spacings[split].lines_of(text)))
            num_kept[split] += 1
    return ArrangementCounts({str(split): number for split, number in num_kept.items()}, num_repeated)


def _side(digest: bytes, options: TextOptions) -> SplitName:
    """Return which split a document goes to."""
    fraction = int.from_bytes(digest[:8], "little") / 2**64
    if fraction < options.test_fraction:
        return "test"
    return "valid" if fraction < options.test_fraction + options.valid_fraction else "train"


def _joined(files: Sequence[TextFile]) -> Iterator[bytes]:
    between = b""
    for file in files:
        last = b""
        yield between
        for block in file.checked_blocks():
            yield block
            last = block[-1:] or last
        between = b"\n" if last == b"\n" else b"\n\n" if last else b""


def _ranges(folder: Path, splits: Sequence[SplitOrAll], shown: str) -> dict[SplitOrAll, TextRange]:
    paths = {split: _file_of(folder, split) for split in splits}
    return {split: TextRange(path, 0, path.stat().st_size, shown) for split, path in paths.items()}


def _file_of(folder: Path, split: SplitOrAll) -> Path:
    return folder / ("text.txt" if split == "all" else f"{split}.txt")


def _write(folder: Path, split: SplitOrAll, blocks: Iterable[bytes]) -> None:
    with _created(folder, split) as file:
        for block in reported(blocks, "gathering the text", None):
            file.write(block)


@contextmanager
def _created(folder: Path, split: SplitOrAll) -> Iterator[IO[bytes]]:
    path = _file_of(folder, split)
    with path.open("wb", buffering=0) as raw, io.BufferedWriter(_CacheFile(raw, folder.parent), BLOCK) as file:
        yield file


class _CacheFile(io.RawIOBase):
    """A file in the cache. An error in writing it is not mistaken for one of the text that is written."""

    def __init__(self, file: io.FileIO, cache: Path) -> None:
        self._file = file
        self._cache = cache

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            raise cache_error(self._cache, error) from error


def _write_counts(folder: Path, **counts: object) -> None:
    (folder / _COUNTS).write_text(json.dumps(counts), encoding="utf-8")


def _counts(folder: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((folder / _COUNTS).read_text(encoding="utf-8"))
    return table


_LINE_END = re.compile(rb"(?>\r\n|\r|\n)")  # atomic: the two halves of one are not two
_BLANK_LINE = re.compile(_LINE_END.pattern + rb"[ \t]*" + _LINE_END.pattern)
"""A blank line of other white space than spaces and tabs is not used."""

_BREAKS = {
    "a blank line": (_BLANK_LINE, 2**16),
    "a line end": (_LINE_END, 2**20),
    "a space": (re.compile(rb"[ \t]"), 2**20),
}
"""Where to cut, best first, and how many bytes to search for such a break."""

_WORD = re.compile(rb"\S")
_ENOUGH_BYTES = 1_000


def split_whole(
    whole: TextRange, valid_fraction: float, test_fraction: float, description: str, *, is_file: bool = True
) -> tuple[dict[SplitOrAll, TextRange], str]:
    """Return the ranges of train, valid and test, and a sentence that says how they were made.

    Raises:
        TextError: The text cannot be read, or is too short or too unbroken for three parts.
    """
    if not whole.num_bytes:
        raise TextError(f"`{whole.name}` must hold text, but is empty")
    smaller_part = int(whole.num_bytes * min(valid_fraction, test_fraction))
    try:
        with whole.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            cut = partial(_cut, content, _end_of_words(content), smaller_part)
            train_stop, kind = cut(int(whole.stop * (1 - valid_fraction - test_fraction)))
            word = _WORD.search(content, train_stop)
            valid_stop, _ = cut(max(int(whole.stop * (1 - test_fraction)), word.end() if word else train_stop))
    except OSError as error:
        raise unreadable(whole.path, error) from error
    if not train_stop < valid_stop < whole.stop:
        parts = "a folder with train.txt, valid.txt and test.txt" if is_file else "a mapping of train, valid and test"
        raise TextError(
            f"`{whole.name}` must be long enough to be split in three, but has {counted(whole.num_bytes, 'byte')}; "
            f"give at least {_ENOUGH_BYTES:,} bytes in several lines, or {parts}"
        )
    ranges: dict[SplitOrAll, TextRange] = {
        "train": whole.part(0, train_stop),
        "valid": whole.part(train_stop, valid_stop),
        "test": whole.part(valid_stop, whole.stop),
    }
    shares = ", ".join(f"{name} {part.num_bytes / whole.num_bytes:.1%}" for name, part in ranges.items())
    return ranges, f"{description}, split by bytes in its own order: {shares}; cut after {kind}"


def _end_of_words(content: mmap.mmap) -> int:
    """Return where the white space at the end begins."""
    stop = len(content)
    while stop and content[stop - 1 : stop].isspace():
        stop -= 1
    return stop


def _cut(content: mmap.mmap, words_stop: int, smaller_part: int, nominal: int) -> tuple[int, str]:
    """Return the first break at or after `nominal`, with words after it, and what is before it."""
    for kind, (pattern, window) in _BREAKS.items():
        limit = min(nominal + window, words_stop)
        if kind == "a blank line":
            limit = min(limit, nominal + smaller_part // 2)
        if match := pattern.search(content, nominal, limit):
            stop = match.end()
            # The window may end between the two halves of a line end.
            return stop + (content[stop - 1 : stop + 1] == b"\r\n"), kind
    return len(content), "its end"
