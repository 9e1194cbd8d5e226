"""A tokenizer made for a training text: where its lines end, and which tokens it knows."""

import json
from pathlib import Path

import tokenizers

from nextword.storage.cache import cache_key, cached_folder
from nextword.text.line_ends import choose_line_ends, segments
from nextword.text.options import LineEnds, TextOptions
from nextword.text.pieces import count_pieces
from nextword.text.reader import LineReader, TextRange
from nextword.text.subwords import subword_vocabulary
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import END, UNKNOWN, Vocabulary

_FORMAT = 1
"""To be raised whenever the same text and options give another vocabulary or other line ends."""

_FILE = "vocabulary.json"


def tokenizer_for(train: TextRange, options: TextOptions, *, cache: Path) -> Tokenizer:
    """Return the tokenizer that a training split and resolved options call for, from the cache if it is there.

    Raises:
        TextError: The text cannot be read or is refused.
        StorageError: The cache cannot be written.
    """
    blank = Tokenizer(options.kind, "line", Vocabulary((UNKNOWN, END)))
    chosen = (options.line_ends, options.minimum_count, options.maximum_vocabulary, options.on_bad_bytes)
    key = cache_key(_FORMAT, tokenizers.__version__, blank.fingerprint, *chosen, train.start, train.sha256)
    folder = cached_folder(cache / f"vocabulary-{key}", lambda empty: _write(empty, train, options))
    table = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    return Tokenizer(options.kind, table["line_ends"], Vocabulary(tuple(table["tokens"])))


def _write(folder: Path, train: TextRange, options: TextOptions) -> None:
    line_ends = choose_line_ends(_lines(train, options)) if options.line_ends == "auto" else options.line_ends
    vocabulary = _vocabulary(train, options, line_ends)
    table = {"line_ends": line_ends, "tokens": vocabulary.tokens}
    (folder / _FILE).write_text(json.dumps(table), encoding="utf-8")


def _vocabulary(train: TextRange, options: TextOptions, line_ends: LineEnds) -> Vocabulary:
    counts = count_pieces(segments(_lines(train, options), line_ends), options.kind)
    build = subword_vocabulary if options.kind == "subword" else Vocabulary.from_counts
    return build(counts, minimum_count=options.minimum_count or 1, maximum_size=options.maximum_vocabulary)


def _lines(train: TextRange, options: TextOptions) -> LineReader:
    return LineReader(train, on_bad_bytes=options.on_bad_bytes, pretokenized=options.kind == "pretokenized")
