"""Files of any kind that nextword reads, and rows in memory, as blocks of plain text or as documents."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, override

from nextword.errors import TextError
from nextword.text.options import TextOptions
from nextword.text.reading.lines import lines_of, read_lines
from nextword.text.reading.packing import bare_name, packing_of, unpacked_blocks, unreadable
from nextword.text.reading.reader import TextRange, changed_error
from nextword.text.sources.documents import (
    Document,
    documents_of_json_lines,
    documents_of_parquet,
    documents_of_rows,
    documents_of_table,
    plain_text,
)
from nextword.text.sources.messages import (
    documents_of_messages,
    is_whatsapp_chat,
    json_chat,
    json_documents,
    mails,
    whatsapp_messages,
)
from nextword.text.sources.names import JSON_LINES_SUFFIXES, SPLIT_NAMES, SplitOrAll

FileKind = Literal["plain", "json lines", "table", "parquet", "mails", "json", "whatsapp chat"]

_DELIMITERS = {".csv": ",", ".tsv": "\t"}  # what separates the columns of a table, by the ending of its name
_KINDS: dict[str, FileKind] = {".parquet": "parquet", ".mbox": "mails", ".json": "json"}
_WHATSAPP = re.compile(r"(_chat|whatsapp.*)\.txt", re.IGNORECASE)

DocumentUnit = Literal["file", "paragraph", "line"]
"""What a document of plain text is; a record is always one."""


class Source(ABC):
    """What a text or a split of it is read from, once."""

    def __init__(self, options: TextOptions, shown: str) -> None:
        self.shown = shown
        self._options = options
        self.num_left = 0  # mails that are HTML only, of what was read so far

    @property
    def has_records(self) -> bool:
        """Whether it holds records, each of which is a document."""
        return True

    @abstractmethod
    def documents(self, unit: DocumentUnit) -> Iterator[Document]:
        """Yield its records, or the files, paragraphs or lines of plain text."""

    def blocks(self) -> Iterator[bytes]:
        """Yield its plain text; bytes that are no text are refused only in records."""
        return plain_text(self.documents("line"), self._options.on_bad_bytes)


class Rows(Source):
    """Rows in memory."""

    def __init__(self, rows: Iterable[Any], options: TextOptions, shown: str) -> None:
        super().__init__(options, shown)
        self._rows = rows

    @override
    def documents(self, unit: DocumentUnit) -> Iterator[Document]:
        return documents_of_rows(self._rows, self._options.field, self.shown)


def rows_of(text: Any, options: TextOptions) -> dict[SplitOrAll, Rows]:
    """Return what a program holds in memory by its splits; a text without splits is under "all".

    Args:
        text: An iterable of strings, or of mappings with the key `options.field`; or a mapping from the names of
            splits to such iterables, such as a `datasets.DatasetDict`.
        options: Which field to read, and what to do with bad characters.
    """
    text = _with_keys(text)
    keys = list(text.keys()) if hasattr(text, "keys") and hasattr(text, "__getitem__") else []
    key_of = {split: next((key for key in names if key in keys), None) for split, names in SPLIT_NAMES.items()}
    rows: dict[SplitOrAll, Rows] = {
        split: _rows(text[key], options, f"`{key}`") for split, key in key_of.items() if key is not None
    }
    if not rows and not isinstance(text, Mapping):  # a column of a table has keys too: the numbers of its rows
        return {"all": _rows(text, options, "the text")}
    if not rows:
        raise TextError(
            f"a mapping must hold the splits `train`, `valid` (or `validation`) and `test`, or one of them, but holds "
            f"{', '.join(map(repr, keys)) or 'nothing'}; pass a list of strings for a text without splits"
        )
    return rows


def _with_keys(text: Any) -> Any:
    """Return an object that has splits as attributes as a mapping, and any other text as it is."""
    if hasattr(text, "keys") or not hasattr(text, "train"):
        return text
    return {name: getattr(text, name) for names in SPLIT_NAMES.values() for name in names if hasattr(text, name)}


def _rows(rows: Any, options: TextOptions, shown: str) -> Rows:
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        what = "one string" if isinstance(rows, str) else f"of type {type(rows).__name__}"
        raise TextError(
            f"{shown} must be several strings, or several mappings with a string in them, but is {what}; pass a list"
        )
    return Rows(rows, options, shown)


class TextFile(Source):
    """A file."""

    def __init__(self, path: Path, options: TextOptions, shown: str = "") -> None:
        super().__init__(options, shown or str(path))
        self.path = path
        self.whole = TextRange.whole(path)
        self._suffix = _suffix(path)
        if options.sender and self.kind in ("plain", "json lines", "table", "parquet"):
            raise TextError(f"`--sender` needs mails or chats, but `{self.shown}` holds neither; leave it out")

    @cached_property
    def kind(self) -> FileKind:
        """What it holds, by its name without the ending of a packed file; for a chat of WhatsApp by its lines too."""
        if self._suffix in JSON_LINES_SUFFIXES:
            return "json lines"
        if self._suffix in _DELIMITERS:
            return "table"
        if _WHATSAPP.fullmatch(bare_name(Path(self.shown).name)) and is_whatsapp_chat(self._lines()):
            return "whatsapp chat"
        return _KINDS.get(self._suffix, "plain")

    @property
    @override
    def has_records(self) -> bool:
        return self.kind != "plain"

    @property
    def is_plain(self) -> bool:
        """Whether its bytes are the text."""
        return not self.has_records and packing_of(self.path) is None

    @property
    def made_by(self) -> tuple[str | None, ...]:
        """All that its plain text depends on."""
        if not self.has_records:
            return (packing_of(self.path), self.whole.sha256)
        kind = self.kind if self.kind == "json lines" else f"{self.kind}{self._suffix}"
        options = self._options
        return (kind, options.field, options.on_bad_bytes, self.whole.sha256, *filter(None, [options.sender]))

    @override
    def documents(self, unit: DocumentUnit) -> Iterator[Document]:
        match self.kind:
            case "json":
                yield from json_documents(self._lines(), self._options.field, self._options.sender, self.shown)
            case "mails" | "whatsapp chat":
                yield from documents_of_messages(self.messages(), self._options.sender, self.shown)
            case "plain":
                yield from self._plain_documents(unit)
            case "json lines":
                yield from documents_of_json_lines(self._lines(), self._options.field, self.shown)
            case "table":
                delimiter = _DELIMITERS[self._suffix]
                yield from documents_of_table(self._lines(), delimiter, self._options.field, self.shown)
            case "parquet":
                yield from documents_of_parquet(self.path, self._options.field, self.shown)
                if self.whole.has_changed:
                    raise changed_error(self.whole)

    @override
    def blocks(self) -> Iterator[bytes]:
        return super().blocks() if self.has_records else self._unpacked()

    def checked_blocks(self) -> Iterator[bytes]:
        """Yield its plain text without a byte order mark; bytes that are no text are refused."""
        if self.has_records:
            yield from self.blocks()
            return
        for chunk in read_lines(self._unpacked(), f"`{self.shown}`", on_bad_bytes=self._options.on_bad_bytes):
            yield chunk.data

    def messages(self) -> Iterator[tuple[str, str]]:
        """Yield sender and text of each message of mails or of a chat."""
        if self.kind == "mails":
            return self._mails()
        return json_chat(self._lines(), self.shown) if self.kind == "json" else whatsapp_messages(self._lines())

    def _mails(self) -> Iterator[tuple[str, str]]:
        for mail in mails(self._unpacked(), self.shown):
            self.num_left += mail.is_html_only
            yield mail.sender, mail.text

    def _unpacked(self) -> Iterator[bytes]:
        return unpacked_blocks(self.path, sha256=self.whole.sha256, shown=self.shown)

    def _lines(self) -> Iterator[str]:
        return lines_of(self._unpacked(), f"`{self.shown}`", self._options.on_bad_bytes)

    def _plain_documents(self, unit: DocumentUnit) -> Iterator[Document]:
        held: list[str] = []
        first = 1
        for number, line in enumerate(self._lines(), start=1):
            is_blank = not line.strip()
            if held and (unit == "line" or (unit == "paragraph" and is_blank)):
                yield self._document(first, held)
                held = []
            if not is_blank or (unit == "file" and held):
                first = first if held else number
                held.append(line)
        if held:
            yield self._document(first, held)

    def _document(self, first: int, lines: Sequence[str]) -> Document:
        return Document(f"`{self.shown}`, line {first}", "\n".join(lines).rstrip("\n"))


TEXT_SUFFIXES = (".txt", ".md")
"""Endings of the files that a folder without splits is read from, packed or not."""

_MAX_NAMED = 3
_MAX_KINDS = _MAX_SENDERS = 5


def text_files(folder: Path) -> list[Path]:
    """Return the text files below a folder in the order of their names, without hidden ones."""
    return [path for path in _visible_files(folder) if _suffix(path) in TEXT_SUFFIXES]


def files_left(folder: Path) -> str:
    """Return in one sentence which files below a folder are no text files; empty if all are."""
    kinds = Counter(map(_suffix, _visible_files(folder)))
    num_read = sum(kinds.pop(suffix, 0) for suffix in TEXT_SUFFIXES)
    if not kinds:
        return ""
    common = sorted(kinds.items(), key=lambda item: (-item[1], not item[0], item[0]))
    left = ", ".join(f"{number:,} {suffix or 'without an ending'}" for suffix, number in common[:_MAX_KINDS])
    more = ", ..." if len(kinds) > _MAX_KINDS else ""
    return (
        f"`{folder.name}`: {num_read:,} of {num_read + kinds.total():,} files are .txt or .md; left out: {left}{more}"
    )


def _visible_files(folder: Path) -> list[Path]:
    try:
        relative = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        raise unreadable(folder, error) from error
    return [folder / path for path in relative if not any(part.startswith(".") for part in path.parts)]


def _suffix(path: Path) -> str:
    """Return the ending of a file's name, in small letters and without that of its packing."""
    return Path(bare_name(path.name)).suffix.lower()


def number_of_files(files: Sequence[TextFile]) -> str:
    """Return how many files there are, in words."""
    return f"{len(files)} files" if len(files) > 1 else "one file"


def unknown_sender(files: Sequence[TextFile], sender: str) -> TextError:
    """Return the error for mails or chats without a message by the sender."""
    names = dict.fromkeys(name for file in files for name, _ in file.messages())
    where = f"one of {len(files)} files" if len(files) > 1 else f"`{files[0].shown}`"
    some = ", ".join(map(repr, list(names)[:_MAX_SENDERS]))
    return TextError(
        f"{where} must hold messages by {sender!r}, but the senders are {some}; give `--sender` one of them"
    )


def described_files(files: Sequence[TextFile], folder: Path) -> str:
    """Return in words which files of a folder make up a text."""
    named = ", ".join(
        str(file.path.relative_to(folder)) if file.path.is_relative_to(folder) else file.shown
        for file in files[:_MAX_NAMED]
    )
    more = f" and {len(files) - _MAX_NAMED} more" if len(files) > _MAX_NAMED else ""
    return f"{number_of_files(files)} of `{folder.name}` in the order of their names ({named}{more})"
