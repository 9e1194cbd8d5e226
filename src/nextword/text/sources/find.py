"""Find the text that a user names, and the bytes of its splits."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nextword.disk.cache import cache_root
from nextword.errors import TextError
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reading.packing import bare_name, unreadable
from nextword.text.reading.reader import TextRange
from nextword.text.sources.arrange import arranged_files, arranged_rows, is_arranged, no_splits
from nextword.text.sources.files import TextFile
from nextword.text.sources.plain import (
    WHOLE,
    described_files,
    files_left,
    gathered,
    joined_files,
    plain_range,
    text_files,
)
from nextword.text.sources.remote import as_path
from nextword.text.sources.samples import SAMPLES, sample_path
from nextword.text.sources.selection import SelectedFiles, selected_files
from nextword.text.sources.split import (
    LAYOUTS,
    SPLITS,
    SplitName,
    first_file,
    lacking,
    listing,
    split_files,
    split_whole,
)
from nextword.text.sources.text_name import IN_MEMORY, is_gathered, names_of, not_found

TextLike = str | Path | Iterable[Any] | Mapping[str, Any]
"""A text: a path, pattern, address or sample's name; several paths, strings or rows; or a mapping of splits."""

_SHOWN = "the text in memory"
"""How messages name it."""


@dataclass(frozen=True)
class TextSource:
    """Where the splits of a text are.

    Attributes:
        name: Name of the sample, or the last part of the path; `text` for a text that was in memory.
        stored_name: The name by which the text is found again, from any folder.
        parts: The bytes of each split.
        pretokenized: Whether the text is known by its names to hold tokens between spaces (PTB, WikiText).
        how_split: How the text was read and split, in one sentence.
        left: Which files of a folder are not read, in one sentence; empty if all are.
    """

    name: str
    stored_name: str
    parts: Mapping[SplitName, TextRange]
    pretokenized: bool
    how_split: str
    left: str = ""


class _Place(NamedTuple):
    """The file or folder that a text is, or was written to if it was in memory."""

    path: Path
    name: str
    stored_name: str
    is_file: bool = True


def resolve_source(
    text: TextLike,
    options: TextOptions,
    *,
    needed: Sequence[SplitName] = SPLITS,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
) -> TextSource:
    """Find the splits of a text.

    Args:
        text: A file, a folder, the name of a sample, or strings, rows or splits in memory; see `Corpus.load`. A name
            alone is that of a sample if there is one with this name. For a file or folder with a sample's name, write
            `./NAME`, or pass a `Path`.
        options: How to split a text without splits, and how to read it.
        needed: The splits that a folder or a mapping must have.
        data_dir: A folder with samples in it; by default, the one that `NEXTWORD_DATA` names.
        cache_dir: Where downloaded samples, and plain files made of other texts, are kept.

    Raises:
        TextError: There is no such text, or a split is missing or empty.
        StorageError: The cache cannot be written.
    """
    cache = cache_root(cache_dir)
    text = as_path(text) if isinstance(text, str) else text
    selected = selected_files(text, options, cache)
    if is_arranged(options) and not is_gathered(text):
        return _checked(_arranged(text, selected, options, needed, cache, data_dir, cache_dir), text)
    if selected:
        return _checked(_of_files(selected, options, cache), text)
    if isinstance(text, str | Path):
        place = _Place(_located(text, data_dir, cache_dir), *names_of(text))
    else:
        place = _in_memory(gathered(text, options, cache), needed)
    resolve = _of_folder if place.path.is_dir() else _of_lone_file
    source = resolve(place, options, needed, cache)
    if not isinstance(text, str | Path):
        source = _described_as_in_memory(source, is_split=place.path.is_dir())
    return _checked(source, text)


def _checked(source: TextSource, text: TextLike) -> TextSource:
    for split, part in source.parts.items():
        if not part.num_bytes:
            raise TextError(f"`{part.name}` must hold text for the {split} split, but is empty")
    folder = Path(text) if isinstance(text, str | Path) and text not in SAMPLES else None
    if folder is None or not folder.is_dir() or split_files(folder):
        return source
    return dataclasses.replace(source, left=files_left(folder))


def resolve_whole(
    text: TextLike,
    options: TextOptions = DEFAULT_OPTIONS,
    *,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
) -> TextRange:
    """Find all of a text that is not to be split.

    Raises:
        TextError: There is no such text, or it has splits, or it is empty.
        StorageError: The cache cannot be written.
    """
    cache = cache_root(cache_dir)
    text = as_path(text) if isinstance(text, str) else text
    if selected := selected_files(text, options, cache):
        return _not_empty(selected.whole(options, cache))
    if isinstance(text, str | Path):
        path, shown = _located(text, data_dir, cache_dir), str(text)
    else:
        path, shown = _in_memory(gathered(text, options, cache), ()).path, IN_MEMORY
    joined = joined_files(path, options, cache) if path.is_dir() and not split_files(path) else None
    if path.is_dir() and joined is None:
        raise TextError(f'`{shown}` must be one text to be read whole, but has splits; name one, such as "test"')
    part = joined.part if joined else plain_range(path, options, cache)
    if not isinstance(text, str | Path):
        part = dataclasses.replace(part, shown=_SHOWN)
    return _not_empty(part)


def has_splits(text: str, *, data_dir: Path | None = None) -> bool:
    """Return whether a text is a folder with files for train, valid and test."""
    path = sample_path(text, data_dir=data_dir) if text in SAMPLES else Path(text)
    return path.is_dir() and bool(split_files(path))


def _not_empty(part: TextRange) -> TextRange:
    if not part.num_bytes:
        raise TextError(f"`{part.name}` must hold text, but is empty")
    return part


def _in_memory(folder: Path, needed: Sequence[SplitName]) -> _Place:
    """Return the place of a text that was written to the cache; a lone split is taken for the whole."""
    files = [path for path in folder.iterdir() if path.suffix == ".txt"]
    is_whole = len(files) == 1 and (files[0].name in (WHOLE, "train.txt") or [files[0].stem] != list(needed))
    path = files[0] if is_whole else folder
    if lacking := [split for split in needed if not is_whole and not (folder / f"{split}.txt").is_file()]:
        raise TextError(
            f"a mapping must hold each of {', '.join(needed)}, but lacks {', '.join(lacking)}; add it, or pass one "
            'split alone, such as `text["train"]`, which is then split itself'
        )
    return _Place(path, IN_MEMORY, str(path.resolve()), is_file=False)


def _described_as_in_memory(source: TextSource, *, is_split: bool) -> TextSource:
    parts = {split: _shown_as(part, _SHOWN) for split, part in source.parts.items()}
    how_split = f"split as given: {', '.join(parts)}" if is_split else source.how_split
    return dataclasses.replace(source, parts=parts, how_split=how_split)


def _located(text: str | Path, data_dir: Path | None, cache_dir: Path | None) -> Path:
    """Return the file or folder that a text is."""
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


def _of_folder(place: _Place, options: TextOptions, needed: Sequence[SplitName], cache: Path) -> TextSource:
    folder = place.path
    for layout in LAYOUTS:
        found = {split: first_file(folder, layout.names[split]) for split in needed}
        paths = {split: path for split, path in found.items() if path is not None}
        if len(paths) == len(needed):
            listed = ", ".join(f"{split} `{path.name}`" for split, path in paths.items())
            return TextSource(
                name=place.name,
                stored_name=place.stored_name,
                parts={split: plain_range(path, options, cache) for split, path in paths.items()},
                pretokenized=layout.pretokenized,
                how_split=f"split as the files of `{folder.name}` are: {listed}",
            )
    is_split = bool(split_files(folder))
    joined = None if is_split else joined_files(folder, options, cache)
    if joined is None and not is_split:
        raise TextError(f"`{folder}` has no text; put .txt or .md files into it, or train.txt, valid.txt and test.txt")
    if joined is None:
        raise TextError(
            f"`{folder}` must hold a file for each of {', '.join(needed)}, but lacks {lacking(folder, needed)}; "
            f"looked for {'; or '.join(listing(layout, needed) for layout in LAYOUTS)}"
        )
    return _split(place, joined.part, options, joined.description)


def _of_lone_file(place: _Place, options: TextOptions, _needed: Sequence[SplitName], cache: Path) -> TextSource:
    whole = plain_range(place.path, options, cache)
    if place.is_file:
        return _split(place, whole, options, f"one file, `{place.path.name}`")
    return _split(place, dataclasses.replace(whole, shown=_SHOWN), options, "one text in memory")


def _of_files(selected: SelectedFiles, options: TextOptions, cache: Path) -> TextSource:
    whole = _not_empty(selected.whole(options, cache))
    place = _Place(whole.path, selected.name, selected.stored_name or str(whole.path.resolve()))
    return _split(place, whole, options, selected.description)


def _arranged(
    text: TextLike,
    selected: SelectedFiles | None,
    options: TextOptions,
    needed: Sequence[SplitName],
    cache: Path,
    *folders: Path | None,
) -> TextSource:
    """Return the splits of a text whose documents are dropped, moved or split as the options say."""
    if selected is None and isinstance(text, str | Path):
        selected = _files_below(_located(text, *folders), options, *names_of(text))
    arranged = arranged_files(selected.files, options, cache) if selected else arranged_rows(text, options, cache)
    folder, begins = arranged.folder, selected.description if selected else "one text in memory"
    name = selected.name if selected else IN_MEMORY
    shown = selected.shown if selected else _SHOWN
    found = folder if options.split_by == "document" else folder / WHOLE
    stored = (selected.stored_name if selected else "") or str(found.resolve())
    description = f"{begins}, {arranged.description}"
    if options.split_by == "document":
        parts = {split: _shown_as(TextRange.whole(folder / f"{split}.txt"), shown) for split in needed}
        return TextSource(name, stored, parts, pretokenized=False, how_split=description)
    place = _Place(found, name, stored, is_file=selected is not None)
    return _split(place, _shown_as(TextRange.whole(found), shown), options, description)


def _shown_as(part: TextRange, shown: str) -> TextRange:
    return dataclasses.replace(part, shown=shown)


def _files_below(path: Path, options: TextOptions, name: str, stored_name: str) -> SelectedFiles:
    """Return a file, or the text files of a folder without splits."""
    if not path.is_dir():
        return SelectedFiles([TextFile(path, options)], name, stored_name, f"one file, `{path.name}`")
    if split_files(path):
        raise TextError(no_splits(f"`{path}`"))
    files = [TextFile(file, options) for file in text_files(path)]
    if not files:
        raise TextError(f"`{path}` must hold .txt or .md files, but holds none; give another folder, or a pattern")
    return SelectedFiles(files, name, stored_name, described_files(files, path))


def _split(place: _Place, whole: TextRange, options: TextOptions, description: str) -> TextSource:
    ranges, how_split = split_whole(
        whole, options.valid_fraction, options.test_fraction, description, is_file=place.is_file
    )
    name = bare_name(place.path.name)
    return TextSource(
        name=place.name,
        stored_name=place.stored_name,
        parts=ranges,
        pretokenized=any(name in names for layout in LAYOUTS if layout.pretokenized for names in layout.names.values()),
        how_split=how_split,
    )
