"""Documents without repetitions, in another order, and split by their content."""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nextword.text.counted import counted
from nextword.text.documents import Document, Layout, encoded, require_text
from nextword.text.lines import split_lines
from nextword.text.options import TextOptions
from nextword.text.progress import Task
from nextword.text.seen_sums import SeenSums, Sums, sums_of
from nextword.text.shuffling import ShuffledDocuments
from nextword.text.splitting import SPLITS

LONG_LINE = 100
"""Fewest characters of a line that is dropped if it was there before. Shorter ones are often repeated on purpose."""

WHOLE_TEXT = "text"
"""The name of the one output of a text that is not split."""

_BLOCK = 2**20
_BATCH_DOCUMENTS = 4096
_BATCH_CHARACTERS = 2**20


@dataclass(kw_only=True)
class ArrangementCounts:
    """What became of the documents.

    Attributes:
        num_documents: Documents that were kept.
        num_repeated_documents: Documents that were dropped, because an equal one was before them.
        num_repeated_lines: Long lines that were dropped, because an equal one was before them.
        split: The kept documents of each split; empty if the text is not split by documents.
    """

    num_documents: int = 0
    num_repeated_documents: int = 0
    num_repeated_lines: int = 0
    split: dict[str, int] = dataclasses.field(default_factory=dict)

    def describe(self, options: TextOptions) -> list[str]:
        """Return the counts in words."""
        said = []
        if self.split:
            shares = ", ".join(
                f"{name} {number / max(1, self.num_documents):.1%}" for name, number in self.split.items()
            )
            said.append(f"split by a hash of each of {counted(self.num_documents, 'document')}: {shares}")
        if options.deduplicate != "none":
            said.append(f"{counted(self.num_repeated_documents, 'repeated document')} dropped")
        if options.deduplicate == "lines":
            said.append(
                f"{counted(self.num_repeated_lines, 'repeated line')} of {LONG_LINE} characters or more dropped"
            )
        if options.text_order != "given":
            said.append(f"shuffled by {options.text_order.removesuffix('s')} with seed {options.text_seed}")
        return said


def is_arranged(options: TextOptions) -> bool:
    """Return whether the options ask for documents to be dropped, moved or split."""
    return (options.split_by, options.deduplicate, options.text_order) != ("bytes", "none", "given")


def settings_of(options: TextOptions) -> tuple[str, ...]:
    """Return all options that an arranged text depends on, besides those that its documents depend on."""
    fractions = (options.valid_fraction, options.test_fraction) if options.split_by == "document" else ()
    how = (options.split_by, options.deduplicate, options.text_order, options.text_seed, options.on_bad_bytes)
    return tuple(map(repr, (*how, *fractions)))


def write_arranged(
    documents: Iterable[Document], options: TextOptions, folder: Path, *, always_blank: bool
) -> ArrangementCounts:
    """Write documents as plain text: train.txt, valid.txt and test.txt, or text.txt if they are not split.

    Memory holds a batch of documents, 32 to 64 bytes for each document and long line if repeated ones are dropped, and
    1/64 of a text that is shuffled.

    Args:
        documents: The documents.
        options: How to arrange them.
        folder: An empty folder.
        always_blank: Whether a blank line is between any two documents.

    Raises:
        TextError: A document is refused.
        OSError: The disk refused.
    """
    counts = ArrangementCounts()
    with ExitStack() as stack:
        names = SPLITS if options.split_by == "document" else (WHOLE_TEXT,)
        outputs = [_Output(folder, name, options, stack, always_blank=always_blank) for name in names]
        for texts, sums in _kept(documents, options, counts):
            for text, output in zip(texts, _sides(sums, options).tolist(), strict=True):
                outputs[output].add(text)
        for output in outputs:
            output.finish()
    counts.num_documents = sum(output.num_documents for output in outputs)
    if options.split_by == "document":
        counts.split = {name: output.num_documents for name, output in zip(names, outputs, strict=True)}
    return counts


class _Output:
    """One file of the result."""

    def __init__(self, folder: Path, name: str, options: TextOptions, stack: ExitStack, *, always_blank: bool) -> None:
        self.num_documents = 0
        self._layout = Layout(always_blank=always_blank)
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
        self._file.write(encoded(self._layout.lines_of(text)))


def _kept(
    documents: Iterable[Document], options: TextOptions, counts: ArrangementCounts
) -> Iterator[tuple[list[str], Sums]]:
    """Yield the documents that are not dropped in batches, with the sum of each as it was before lines were dropped."""
    seen_documents, seen_lines = SeenSums(), SeenSums()
    task = Task("arranging the documents", None)
    for batch in _batches(documents, options):
        texts, sums = batch, sums_of(batch)
        if options.deduplicate != "none":
            is_new = seen_documents.add(sums)
            counts.num_repeated_documents += int(np.count_nonzero(~is_new))
            texts, sums = [texts[place] for place in np.flatnonzero(is_new)], sums[is_new]
        if options.deduplicate == "lines":
            texts = _without_repeated_lines(texts, seen_lines, counts)
            has_text = np.array([bool(text.strip()) for text in texts], np.bool_)
            texts, sums = [texts[place] for place in np.flatnonzero(has_text)], sums[has_text]
        yield texts, sums
        task.advance(sum(map(len, batch)))


def _batches(documents: Iterable[Document], options: TextOptions) -> Iterator[list[str]]:
    batch: list[str] = []
    num_characters = 0
    for place, text in documents:
        if options.on_bad_bytes == "strict":
            require_text(place, text)
        lines = split_lines(text)
        if len(lines) > 1 and not lines[-1]:
            lines.pop()  # one line end at the end of a document is not part of it
        batch.append("\n".join(lines))
        num_characters += len(text)
        if len(batch) >= _BATCH_DOCUMENTS or num_characters >= _BATCH_CHARACTERS:
            yield batch
            batch, num_characters = [], 0
    if batch:
        yield batch


def _without_repeated_lines(texts: list[str], seen: SeenSums, counts: ArrangementCounts) -> list[str]:
    lines = [text.split("\n") for text in texts]
    long = [
        (text, place) for text, each in enumerate(lines) for place, line in enumerate(each) if len(line) >= LONG_LINE
    ]
    if not long:
        return texts
    is_new = seen.add(sums_of([lines[text][place] for text, place in long]))
    repeated = {long[place] for place in np.flatnonzero(~is_new)}
    counts.num_repeated_lines += len(repeated)
    return [
        "\n".join(line for place, line in enumerate(each) if (text, place) not in repeated)
        for text, each in enumerate(lines)
    ]


def _sides(sums: Sums, options: TextOptions) -> NDArray[np.int64]:
    """Return which output each document goes to: train, valid, test, or the only one."""
    if options.split_by != "document":
        return np.zeros(len(sums), np.int64)
    fraction = sums[:, 0].astype(np.float64) / 2.0**64
    is_test = fraction < options.test_fraction
    is_valid = ~is_test & (fraction < options.test_fraction + options.valid_fraction)
    return np.where(is_test, 2, np.where(is_valid, 1, 0))
