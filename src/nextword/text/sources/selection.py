"""Files named by a pattern, an address or a list."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextword.errors import TextError
from nextword.text.options import TextOptions
from nextword.text.reading.reader import TextRange
from nextword.text.sources.files import TextFile
from nextword.text.sources.plain import described_files, join_files, plain_range
from nextword.text.sources.remote import is_url, name_of, remote_files


@dataclass(frozen=True)
class SelectedFiles:
    """Files that are one text.

    Attributes:
        files: The files.
        name: The name of the text.
        stored_name: The name by which it is found from any folder; empty if only the joined text can be named.
        description: In words, which files they are.
    """

    files: Sequence[TextFile]
    name: str
    stored_name: str
    description: str

    @property
    def shown(self) -> str:
        """How messages name the text."""
        return self.files[0].shown if len(self.files) == 1 else f"{self.name} ({len(self.files)} files as one text)"

    def whole(self, options: TextOptions, cache: Path) -> TextRange:
        """Return the text: one file as it is, several with a blank line between two.

        Raises:
            TextError: A file cannot be read, or holds something refused.
            StorageError: The cache cannot be written.
        """
        if len(self.files) == 1:
            return plain_range(self.files[0].path, options, cache, shown=self.files[0].shown)
        return join_files(self.files, options, cache, shown=self.shown)


def is_pattern(text: str) -> bool:
    """Return whether a text is named by a pattern such as `mail/*.txt`, and not by a file of that name."""
    return glob.has_magic(text) and "\n" not in text and not Path(text).exists()


def selected_files(text: Any, options: TextOptions, cache: Path) -> SelectedFiles | None:
    """Return the files that a pattern, an address or a list of paths names; `None` for any other text.

    Raises:
        TextError: No file has such a name.
        MissingExtraError: The address needs a package that is not installed.
        StorageError: The cache cannot be written.
    """
    if isinstance(text, str) and is_url(text):
        files = [TextFile(path, options, url) for path, url in remote_files(text, cache)]
        name = name_of(text)
        described = f"one file, `{text}`" if len(files) == 1 else f"{len(files)} files of `{text}`"
        return SelectedFiles(files, name, text, described)
    if isinstance(text, str) and is_pattern(text):
        paths = sorted(path for name in glob.glob(text, recursive=True) if (path := Path(name)).is_file())  # noqa: PTH207
        if not paths:
            raise TextError(f"`{text}` must match at least one file, but matches none; check the pattern")
        return _of_paths(paths, options, Path(text).parent.name or text, str(Path.cwd() / text))
    if isinstance(text, list | tuple) and text and all(isinstance(path, Path) for path in text):
        return _of_paths(text, options, text[0].resolve().parent.name, "")
    return None


def _of_paths(paths: Sequence[Path], options: TextOptions, name: str, stored_name: str) -> SelectedFiles:
    files = [TextFile(path, options) for path in paths]
    if len(files) == 1:
        return SelectedFiles(files, files[0].path.name, str(files[0].path.resolve()), f"one file, `{paths[0].name}`")
    return SelectedFiles(files, name, stored_name, described_files(files, paths[0].parent))
