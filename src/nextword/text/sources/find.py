"""Find the text that a user names, and the bytes of its splits.

find    what a name, a list or a mapping stands for: files, or rows in memory, as one text or by split
plain   each of them as a range of a plain file; what is none is written to the cache; one text in three parts
"""

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextword.errors import TextError, counted
from nextword.system.cache import cache_root, mark_used
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reading.packing import unreadable
from nextword.text.reading.reader import TextRange
from nextword.text.sources.files import (
    Rows,
    Source,
    TextFile,
    described_files,
    files_left,
    number_of_files,
    rows_of,
    text_files,
    unknown_sender,
)
from nextword.text.sources.names import (
    IN_MEMORY,
    LAYOUTS,
    SPLITS,
    SplitOrAll,
    best_layout,
    has_split_files,
    is_gathered,
    is_known_as_pretokenized,
    is_pattern,
    is_url,
    not_found,
    stored_name,
)
from nextword.text.sources.plain import PlainText, arranged_text, plain_files, plain_rows, split_whole
from nextword.text.sources.samples import SAMPLES, sample_path

TextLike = str | Path | Iterable[Any] | Mapping[str, Any]
"""A text: a path, pattern or sample's name; several paths, strings or rows; or a mapping of splits."""

_SHOWN = "the text in memory"  # how messages name it
_ESCAPED = re.compile(r"\[([*?[])]")  # what `glob.escape` makes of a mark of patterns


@dataclass(frozen=True)
class TextSource:
    """Where the splits of a text are."""

    name: str  # name of the sample, or the last part of the path; `text` for a text that was in memory
    stored_name: str  # the name by which the text is found again, from any folder
    parts: Mapping[SplitOrAll, TextRange]  # under "all", the parts of a text that is not to be split
    pretokenized: bool  # whether the text is known by its names to hold tokens between spaces (PTB, WikiText)
    how_split: str  # how the text was read and split, in one sentence
    left: str = ""  # which files of a folder are not read, in one sentence; empty if all are


@dataclass(frozen=True)
class _Found:
    """What a user's text stands for."""

    name: str
    stored_name: str  # see `TextSource`; empty if only the plain text in the cache can be named
    description: str  # in words, which files it is
    sources: Mapping[SplitOrAll, Sequence[Source]]  # under "all", the sources of a text without splits
    joined: str = ""  # how messages name several files as one text; empty for one file and for rows
    left: str = ""
    is_pretokenized: bool = False

    @property
    def is_in_memory(self) -> bool:
        return any(isinstance(source, Rows) for of_split in self.sources.values() for source in of_split)

    @property
    def shown(self) -> str:
        return _SHOWN if self.is_in_memory else self.joined or self.sources["all"][0].shown


def resolve_source(
    text: TextLike,
    options: TextOptions = DEFAULT_OPTIONS,
    *,
    needed: Sequence[SplitOrAll] = SPLITS,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
) -> TextSource:
    """Find the splits of a text.

    Args:
        text: A file, a folder, the name of a sample, or strings, rows or splits in memory; see `Corpus.load`. A name
            alone is that of a sample if there is one with this name. For a file or folder with a sample's name, write
            `./NAME`, or pass a `Path`.
        options: How to split a text without splits, and how to read it.
        needed: The splits that a folder or a mapping must have; `("all",)` for a text that is not to be split.
        data_dir: A folder with samples in it; by default, the one that `NEXTWORD_DATA` names.
        cache_dir: Where downloaded samples, and plain files made of other texts, are kept.

    Raises:
        TextError: There is no such text, or a split is missing or empty. Or it has splits, and is not to be split.
        StorageError: The cache cannot be written.
    """
    cache = cache_root(cache_dir)
    found = _find(text, options, needed, data_dir, cache_dir)
    if "all" in needed and "all" not in found.sources:
        shown = IN_MEMORY if found.is_in_memory else text
        raise TextError(f'`{shown}` must be one text to be read whole, but has splits; name one, such as "test"')
    if options.is_arranged and "all" not in needed and not is_gathered(text):
        plain = _arranged(found, options, needed, cache)
    else:
        plain = _plain(found, options, cache)
    return _split(found, plain, options, needed)


def has_splits(text: str, *, data_dir: Path | None = None) -> bool:
    """Return whether a text is a folder with files for train, valid and test."""
    path = sample_path(text, data_dir=data_dir) if text in SAMPLES else Path(text)
    return path.is_dir() and has_split_files(path)


def _find(text: TextLike, options: TextOptions, needed: Sequence[SplitOrAll], *folders: Path | None) -> _Found:
    if isinstance(text, str) and is_url(text):
        raise TextError(f"`{text}` must be a file, but is an address; download it, such as with `curl -O`, and name it")
    if isinstance(text, str) and is_pattern(text):
        paths = sorted(path for name in glob.glob(text, recursive=True) if (path := Path(name)).is_file())  # noqa: PTH207
        if not paths:
            raise TextError(f"`{text}` must match at least one file, but matches none; check the pattern")
        folder = _ESCAPED.sub(r"\1", Path(text).parent.name)
        return _paths(paths, options, folder or text, stored_name(text))
    if isinstance(text, list | tuple) and text and all(isinstance(path, Path) for path in text):
        return _paths(text, options, text[0].resolve().parent.name, "")
    if not isinstance(text, str | Path):
        return _rows(text, options, needed)
    path, is_known = _located(text, *folders), is_gathered(text)
    options = options.replace(sender=None) if is_known else options  # the cache has messages of one sender alone
    found = _folder(path, options, needed) if path.is_dir() else _paths([path], options, "", "")
    if is_known:
        mark_used(path if path.is_dir() else path.parent)
        return replace(found, name=IN_MEMORY, stored_name=str(path.resolve()))
    return replace(
        found, name=str(text) if text in SAMPLES else Path(text).resolve().name, stored_name=stored_name(text)
    )


def _files(files: Sequence[TextFile], name: str, stored: str, description: str) -> _Found:
    joined = f"{name} ({number_of_files(files)} as one text)" if len(files) > 1 else ""
    is_pretokenized = len(files) == 1 and is_known_as_pretokenized(Path(name))
    return _Found(name, stored, description, {"all": files}, joined, is_pretokenized=is_pretokenized)


def _paths(paths: Sequence[Path], options: TextOptions, name: str, stored: str) -> _Found:
    files = [TextFile(path, options) for path in paths]
    if len(files) == 1:
        return _files(files, paths[0].name, str(paths[0].resolve()), f"one file, `{paths[0].name}`")
    return _files(files, name, stored, described_files(files, paths[0].parent))


def _folder(folder: Path, options: TextOptions, needed: Sequence[SplitOrAll]) -> _Found:
    """Return the splits of a folder, or all its text files if it has no splits."""
    if not has_split_files(folder):
        files = [TextFile(path, options) for path in text_files(folder)]
        if not files:
            raise TextError(
                f"`{folder}` has no text; put .txt or .md files into it, or train.txt, valid.txt and test.txt"
            )
        joined = f"{folder} ({number_of_files(files)} as one text)"
        return _Found("", "", described_files(files, folder), {"all": files}, joined, files_left(folder))
    splits = [split for split in SPLITS if split in needed]
    layout = best_layout(folder, splits)
    paths = layout.files(folder, splits)
    if lacking := [split for split in splits if split not in paths]:
        raise TextError(
            f"`{folder}` must hold a file for each of {', '.join(splits)}, but lacks {', '.join(lacking)}; "
            f"looked for {'; or '.join(layout.listing(splits) for layout in LAYOUTS)}"
        )
    listed = ", ".join(f"{split} `{path.name}`" for split, path in paths.items())
    sources: dict[SplitOrAll, list[TextFile]] = {split: [TextFile(path, options)] for split, path in paths.items()}
    description = f"split as the files of `{folder.name}` are: {listed}"
    return _Found("", "", description, sources, is_pretokenized=layout.pretokenized)


def _rows(text: Any, options: TextOptions, needed: Sequence[SplitOrAll]) -> _Found:
    """Return the rows of a text in memory; a lone split is taken for the whole, unless it is the one needed."""
    sources = rows_of(text, options)
    if len(sources) == 1 and (sources.keys() <= {"all", "train"} or [*sources] != [*needed]):
        return _Found(IN_MEMORY, "", "one text in memory", {"all": [*sources.values()]})
    lacking = [split for split in needed if split not in sources and split != "all"]
    if lacking:
        raise TextError(
            f"a mapping must hold each of {', '.join(needed)}, but lacks {', '.join(lacking)}; add it, or pass one "
            'split alone, such as `text["train"]`, which is then split itself'
        )
    wanted = sources if "all" in needed else needed
    description = f"split as given: {', '.join(split for split in SPLITS if split in needed)}"
    return _Found(IN_MEMORY, "", description, {split: [rows] for split, rows in sources.items() if split in wanted})


def _located(text: str | Path, data_dir: Path | None, cache_dir: Path | None) -> Path:
    if text in SAMPLES:
        return sample_path(str(text), data_dir=data_dir, cache_dir=cache_dir)
    if isinstance(text, str) and "\n" in text:
        raise TextError(
            "a string must be a path or the name of a sample, but this one has several lines; to pass the text itself, "
            "pass a list of strings, such as `text.splitlines()`"
        )
    path = Path(text)
    try:
        exists = path.is_dir() or path.is_file()
    except OSError as error:  # before Python 3.13, if a folder on the way is closed to us or a name is too long
        raise unreadable(path, error) from error
    if not exists:
        raise TextError(not_found(str(text), path))
    return path


def _plain(found: _Found, options: TextOptions, cache: Path) -> PlainText:
    if found.is_in_memory:
        return plain_rows({split: sources[0] for split, sources in found.sources.items()}, cache, shown=_SHOWN)
    ranges: dict[SplitOrAll, TextRange] = {}
    num_left = 0
    for split, sources in found.sources.items():
        files = [source for source in sources if isinstance(source, TextFile)]
        plain = plain_files(files, options, cache, shown=found.joined or files[0].shown)
        ranges[split] = plain.ranges["all"]
        num_left += plain.num_left
    return PlainText(ranges, num_left=num_left)


def _arranged(found: _Found, options: TextOptions, needed: Sequence[SplitOrAll], cache: Path) -> PlainText:
    if "all" not in found.sources:
        what = "a mapping of splits" if found.is_in_memory else f"`{found.stored_name}`"
        raise TextError(
            f"`split_by` and `deduplicate` need a text without splits, but {what} has its own; leave "
            "these settings out, or give one text"
        )
    splits = [split for split in SPLITS if split in needed]
    return arranged_text(found.sources["all"], options, cache, shown=found.shown, splits=splits)


def _split(found: _Found, plain: PlainText, options: TextOptions, needed: Sequence[SplitOrAll]) -> TextSource:
    parts, how_split = plain.ranges, ", ".join(filter(None, (found.description, plain.description)))
    if options.sender and not found.is_in_memory and not any(part.num_bytes for part in parts.values()):
        files = [source for sources in found.sources.values() for source in sources if isinstance(source, TextFile)]
        raise unknown_sender(files, options.sender)
    whole = parts.get("all")
    folder = next(iter(parts.values())).path.parent
    if whole and "all" not in needed:
        parts, how_split = split_whole(
            whole, options.valid_fraction, options.test_fraction, how_split, is_file=not found.is_in_memory
        )
    for split, part in parts.items():
        if not part.num_bytes:
            lack = "is empty" if options.split_by == "bytes" else "got no document; give more, or larger fractions"
            raise TextError(
                f"`{part.name}` must hold text{'' if split == 'all' else f' for the {split} split'}, but {lack}"
            )
    return TextSource(
        name=found.name,
        stored_name=found.stored_name or str((whole.path if whole else folder).resolve()),
        parts=parts,
        pretokenized=found.is_pretokenized and not plain.description,
        how_split=how_split,
        left="; ".join(filter(None, (found.left, _mails_left(plain.num_left)))),
    )


def _mails_left(number: int) -> str:
    return f"left out: {counted(number, 'mail')} in HTML only" if number else ""
