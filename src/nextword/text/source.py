"""Find the text that a user names, and the bytes of its splits."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from nextword.errors import TextError
from nextword.storage.cache import cache_root
from nextword.text.documents import JSON_LINES_SUFFIXES
from nextword.text.gathering import GATHERED, WHOLE, gathered, joined_files, plain_range
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.packing import PACKED_SUFFIXES, bare_name, unreadable
from nextword.text.reader import TextRange
from nextword.text.samples import SAMPLES, sample_path
from nextword.text.splitting import SPLITS, SplitName, split_whole

TextLike = str | Path | Iterable[Any] | Mapping[str, Any]
"""A text: a path, the name of a sample, several strings, rows with a text field, or a mapping of splits to these."""

IN_MEMORY = "text"
"""The name of a text that a program holds in memory."""

_SHOWN = "the text in memory"
"""How messages name it."""


@dataclass(frozen=True)
class Layout:
    """The file names of a kind of folder.

    Attributes:
        names: The names that each split's file may have, first choice first; packed files may end in .gz or .zst.
        pretokenized: Whether such files hold tokens between spaces.
    """

    names: Mapping[SplitName, Sequence[str]]
    pretokenized: bool


def _named(*suffixes: str) -> dict[SplitName, tuple[str, ...]]:
    names: dict[SplitName, tuple[str, ...]] = {
        "train": ("train",),
        "valid": ("valid", "validation", "dev"),
        "test": ("test",),
    }
    return {split: tuple(f"{name}{suffix}" for name in names[split] for suffix in suffixes) for split in SPLITS}


_NEAR = 0.75
"""How similar, from 0 to 1, a name must be to one that was given to be suggested instead."""

LAYOUTS = (
    Layout({split: (f"ptb.{split}.txt",) for split in SPLITS}, pretokenized=True),
    Layout({split: (f"wiki.{split}.tokens",) for split in SPLITS}, pretokenized=True),
    Layout(_named(".txt"), pretokenized=False),
    Layout(_named(*JSON_LINES_SUFFIXES), pretokenized=False),
)


@dataclass(frozen=True)
class TextSource:
    """Where the splits of a text are.

    Attributes:
        name: Name of the sample, or the last part of the path; `text` for a text that was in memory.
        stored_name: The name by which the text is found again, from any folder.
        parts: The bytes of each split.
        pretokenized: Whether the text is known by its names to hold tokens between spaces (PTB, WikiText).
        how_split: How the text was read and split, in one sentence.
    """

    name: str
    stored_name: str
    parts: Mapping[SplitName, TextRange]
    pretokenized: bool
    how_split: str


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
    if isinstance(text, str | Path):
        place = _Place(_located(text, data_dir, cache_dir), *_names_of(text))
    else:
        place = _in_memory(gathered(text, options, cache), needed)
    resolve = _of_folder if place.path.is_dir() else _of_lone_file
    source = resolve(place, options, needed, cache)
    if not isinstance(text, str | Path):
        source = _described_as_in_memory(source, is_split=place.path.is_dir())
    for split, part in source.parts.items():
        if not part.num_bytes:
            raise TextError(f"`{part.name}` must hold text for the {split} split, but is empty")
    return source


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
    if isinstance(text, str | Path):
        path, shown = _located(text, data_dir, cache_dir), str(text)
    else:
        path, shown = _in_memory(gathered(text, options, cache), ()).path, IN_MEMORY
    joined = joined_files(path, options, cache) if path.is_dir() and not _split_files(path) else None
    if path.is_dir() and joined is None:
        raise TextError(f'`{shown}` must be one text to be read whole, but has splits; name one, such as "test"')
    part = joined.part if joined else plain_range(path, options, cache)
    if not isinstance(text, str | Path):
        part = dataclasses.replace(part, shown=_SHOWN)
    if not part.num_bytes:
        raise TextError(f"`{part.name}` must hold text, but is empty")
    return part


def stored_name(text: str | Path) -> str:
    """Return a name by which a text is found from any folder: a sample's name, or an absolute path."""
    return str(Path(text).resolve()) if text not in SAMPLES and Path(text).exists() else str(text)


def _names_of(text: str | Path) -> tuple[str, str]:
    path = Path(text).resolve()
    if any(GATHERED.fullmatch(name) for name in (path.name, path.parent.name)):  # was in memory
        return IN_MEMORY, str(path)
    return str(text) if text in SAMPLES else path.name, stored_name(text)


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
    parts = {split: dataclasses.replace(part, shown=_SHOWN) for split, part in source.parts.items()}
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
        raise TextError(_not_found(str(text), path))
    return path


def _of_folder(place: _Place, options: TextOptions, needed: Sequence[SplitName], cache: Path) -> TextSource:
    folder = place.path
    for layout in LAYOUTS:
        found = {split: _first_file(folder, layout.names[split]) for split in needed}
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
    joined = None if _split_files(folder) else joined_files(folder, options, cache)
    if joined is None:
        raise TextError(
            f"`{folder}` must hold a file for each of {', '.join(needed)}, but lacks {_lacking(folder, needed)}; "
            f"looked for {'; or '.join(_listing(layout, needed) for layout in LAYOUTS)}; or only for other .txt and "
            ".md files, which are read as one text"
        )
    return _split(place, joined.part, options, joined.description)


def _of_lone_file(place: _Place, options: TextOptions, _needed: Sequence[SplitName], cache: Path) -> TextSource:
    whole = plain_range(place.path, options, cache)
    if place.is_file:
        return _split(place, whole, options, f"one file, `{place.path.name}`")
    return _split(place, dataclasses.replace(whole, shown=_SHOWN), options, "one text in memory")


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


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    paths = (folder / f"{name}{suffix}" for name in names for suffix in ("", *PACKED_SUFFIXES))
    return next((path for path in paths if path.is_file()), None)


def _split_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are named like splits."""
    found = (_first_file(folder, names) for layout in LAYOUTS for names in layout.names.values())
    return [path for path in found if path is not None]


def _listing(layout: Layout, needed: Sequence[SplitName]) -> str:
    return ", ".join("|".join(layout.names[split]) for split in needed)


def _lacking(folder: Path, needed: Sequence[SplitName]) -> str:
    """Return the splits that are missing in the layout that lacks fewest."""

    def lacking(layout: Layout) -> list[SplitName]:
        return [split for split in needed if _first_file(folder, layout.names[split]) is None]

    fewest = min(map(lacking, LAYOUTS), key=len)
    return ", ".join(fewest)


def _not_found(text: str, path: Path) -> str:
    samples = SAMPLES if len(path.parts) == 1 else ()
    try:
        names = [*samples, *(neighbor.name for neighbor in path.parent.iterdir())]
    except (OSError, ValueError):
        names = [*samples]
    near = get_close_matches(path.name, names, n=1, cutoff=_NEAR)
    repair = f"did you mean `{path.with_name(near[0])}`?" if near else f"samples: {', '.join(SAMPLES)}"
    return (
        f"`{text}` is not a sample, file or folder; {repair} (for a file or folder with a sample's name, write ./NAME)"
    )
