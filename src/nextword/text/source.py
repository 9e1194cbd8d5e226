"""TEXT as a person names it, resolved to the bytes of its splits."""

import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, get_args

from nextword.errors import TextError
from nextword.settings import unknown_name
from nextword.text.options import TextOptions
from nextword.text.reader import TextRange, is_packed, unreadable
from nextword.text.samples import SAMPLES, sample_path

_LINE_END = rb"(?>\r\n|\r|\n)"  # atomic: the two halves of one are not two
_PLACES = {
    "a blank line": (re.compile(_LINE_END + rb"[ \t]*" + _LINE_END), 2**16),
    "a line end": (re.compile(_LINE_END), 2**20),
    "a space": (re.compile(rb"[ \t]"), 2**20),
}
"""Where to cut, best first, and how many bytes to search for such a place."""

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


def split_lone_file(path: Path, valid_fraction: float, test_fraction: float) -> tuple[dict[str, TextRange], str]:
    """Return the ranges of train, valid and test, and a sentence that says how they were made.

    Raises:
        TextError: The file cannot be read, or is too short or too unbroken for three parts.
    """
    whole = TextRange.whole(path)
    if not whole.num_bytes:
        raise TextError(f"`{path}` must hold text, but is empty")
    smaller_part = int(whole.num_bytes * min(valid_fraction, test_fraction))
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            train_stop, place = _cut(content, int(whole.stop * (1 - valid_fraction - test_fraction)), smaller_part)
            valid_stop, _ = _cut(content, max(int(whole.stop * (1 - test_fraction)), train_stop), smaller_part)
    except OSError as error:
        raise unreadable(path, error) from error
    if not train_stop < valid_stop < whole.stop:
        raise TextError(
            f"`{path}` must be long enough to be cut in three, but has {whole.num_bytes:,} bytes; give more text, or a "
            "folder with train.txt, valid.txt and test.txt, or have a file evaluated whole by `--split all`"
        )
    ranges = {
        "train": TextRange(path, 0, train_stop),
        "valid": TextRange(path, train_stop, valid_stop),
        "test": TextRange(path, valid_stop, whole.stop),
    }
    shares = ", ".join(f"{name} {part.num_bytes / whole.num_bytes:.1%}" for name, part in ranges.items())
    return ranges, f"one file, `{path.name}`, split by bytes in its own order: {shares}; cut after {place}"


def _cut(content: mmap.mmap, nominal: int, smaller_part: int) -> tuple[int, str]:
    """Return the first good place to cut at or after `nominal`, and what is before it."""
    for place, (pattern, window) in _PLACES.items():
        limit = min(nominal + window, len(content))
        if place == "a blank line":
            limit = min(limit, nominal + smaller_part // 2)
        if found := pattern.search(content, nominal, limit):
            stop = found.end()
            # The window may end between the two halves of a line end.
            return stop + (content[stop - 1 : stop + 1] == b"\r\n"), place
    return len(content), "its end"


@dataclass(frozen=True)
class Layout:
    """The file names of a kind of folder.

    Attributes:
        names: The names that each split's file may have, first choice first.
        pretokenized: Whether such files hold tokens between spaces.
    """

    names: Mapping[SplitName, Sequence[str]]
    pretokenized: bool


LAYOUTS = (
    Layout({split: (f"ptb.{split}.txt",) for split in SPLITS}, pretokenized=True),
    Layout({split: (f"wiki.{split}.tokens",) for split in SPLITS}, pretokenized=True),
    Layout(
        {"train": ("train.txt",), "valid": ("valid.txt", "validation.txt", "dev.txt"), "test": ("test.txt",)},
        pretokenized=False,
    ),
)


@dataclass(frozen=True)
class TextSource:
    """Where the splits of a text are.

    Attributes:
        name: The sample's name, or the last part of the path.
        parts: The bytes of each split.
        pretokenized: Whether the text is known by its names to hold tokens between spaces (PTB, WikiText).
        how_split: One sentence for a person.
    """

    name: str
    parts: Mapping[SplitName, TextRange]
    pretokenized: bool
    how_split: str


def resolve_source(
    text: str | Path,
    options: TextOptions,
    *,
    needed: Sequence[SplitName] = SPLITS,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
) -> TextSource:
    """Find the splits of a text.

    Args:
        text: A file, a folder with a file for each split, or the name of a sample. A name alone is that of a sample
            if there is one so called; a file or folder of that name is written `./NAME`, or given as a `Path`.
        options: How to split a lone file.
        needed: The splits that a folder must have.
        data_dir: A folder with samples in it; else the variable `NEXTWORD_DATA` is asked.
        cache_dir: Where downloaded samples are kept.

    Raises:
        TextError: There is no such text, or a split is missing or empty.
    """
    path = _located(text, data_dir, cache_dir)
    name = str(text) if text in SAMPLES else path.resolve().name
    source = _of_folder(path, name, needed) if path.is_dir() else _of_lone_file(path, name, options)
    for split, part in source.parts.items():
        if not part.num_bytes:
            raise TextError(f"`{part.path}` must hold text for the {split} split, but is empty")
    return source


def resolve_whole_file(text: str | Path, *, data_dir: Path | None = None, cache_dir: Path | None = None) -> TextRange:
    """Find all of a file that is not to be split.

    Raises:
        TextError: There is no such file, or it is a folder, or it is empty.
    """
    path = _located(text, data_dir, cache_dir)
    if path.is_dir():
        raise TextError(f'`{text}` must be one file to be read whole, but is a folder; name a split, such as "test"')
    part = TextRange.whole(path)
    if not part.num_bytes:
        raise TextError(f"`{path}` must hold text, but is empty")
    return part


def stored_name(text: str | Path) -> str:
    """Return how to name a text so that it is found from any folder; the name of a sample stays a name."""
    return str(Path(text).resolve()) if text not in SAMPLES and Path(text).exists() else str(text)


def _located(text: str | Path, data_dir: Path | None, cache_dir: Path | None) -> Path:
    """Return the file or folder that a text is."""
    if text in SAMPLES:
        return sample_path(str(text), data_dir=data_dir, cache_dir=cache_dir)
    path = Path(text)
    try:
        exists = path.is_dir() or path.is_file()
    except OSError as error:  # before Python 3.13, where a folder on the way is closed to us or a name is too long
        raise unreadable(path, error) from error
    if not exists:
        raise TextError(_not_found(str(text), path))
    if path.is_file() and is_packed(path):
        raise TextError(f"`{path}` must be plain text, but is packed with gzip; unpack it first: gunzip -k '{path}'")
    return path


def _of_folder(folder: Path, name: str, needed: Sequence[SplitName]) -> TextSource:
    for layout in LAYOUTS:
        found = {split: _first_file(folder, layout.names[split]) for split in SPLITS}
        paths = {split: path for split, path in found.items() if path is not None}
        if all(split in paths for split in needed):
            listed = ", ".join(f"{split} `{paths[split].name}`" for split in needed)
            return TextSource(
                name=name,
                parts={split: TextRange.whole(paths[split]) for split in needed},
                pretokenized=layout.pretokenized,
                how_split=f"split as the files of `{folder.name}` are: {listed}",
            )
    raise TextError(
        f"`{folder}` must hold a file for each of {', '.join(needed)}, but lacks {_lacking(folder, needed)}; looked "
        f"for {'; or '.join(_listing(layout, needed) for layout in LAYOUTS)}"
    )


def _of_lone_file(path: Path, name: str, options: TextOptions) -> TextSource:
    ranges, how_split = split_lone_file(path, options.valid_fraction, options.test_fraction)
    return TextSource(
        name=name,
        parts={split: ranges[split] for split in SPLITS},
        pretokenized=any(
            path.name in names for layout in LAYOUTS if layout.pretokenized for names in layout.names.values()
        ),
        how_split=how_split,
    )


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _listing(layout: Layout, needed: Sequence[SplitName]) -> str:
    return ", ".join("|".join(layout.names[split]) for split in needed)


def _lacking(folder: Path, needed: Sequence[SplitName]) -> str:
    """Return the splits without a file in the layout that lacks fewest."""

    def lacking(layout: Layout) -> list[SplitName]:
        return [split for split in needed if _first_file(folder, layout.names[split]) is None]

    fewest = min(map(lacking, LAYOUTS), key=len)
    return ", ".join(fewest)


def _not_found(text: str, path: Path) -> str:
    try:
        neighbors = [str(path.with_name(neighbor.name)) for neighbor in path.parent.iterdir()]
    except (OSError, ValueError):
        neighbors = []
    near = get_close_matches(text, [*SAMPLES, *neighbors], n=1)
    return (
        f"{unknown_name('sample, file or folder', text, near or SAMPLES)} (a file or folder that is named like a "
        "sample is written ./NAME)"
    )
