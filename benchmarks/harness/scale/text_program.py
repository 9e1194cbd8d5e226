"""Reads a text as training does, in a process of its own: `python -m harness.scale.text_program TEXT CACHE OPTIONS`.

It answers each line of its input with a line of JSON: the first with its process number, the second with what reading
took, the third with the speed of the `tokenizers` library on the same text with the same vocabulary.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.sources.split import shards_of
from nextword.text.tokens.line_ends import segments
from nextword.text.tokens.tokenizer import Tokenizer

_LIBRARY_BYTES = 2**24


def main() -> None:
    """Answer three lines."""
    text, cache, options = Path(sys.argv[1]), Path(sys.argv[2]), TextOptions().replace(**json.loads(sys.argv[3]))
    _answer({"process": os.getpid()})
    began = time.perf_counter()
    corpus = Corpus.load(text, options, cache_dir=cache)
    seconds = time.perf_counter() - began
    tokens = sum(corpus.split(split).num_tokens for split in ("train", "valid", "test"))
    size = corpus.tokenizer.vocabulary_size
    _answer({"seconds": seconds, "num_tokens": tokens, "vocabulary_size": size})
    _answer({"bytes_per_s": library_speed(text, corpus.tokenizer)})


def library_speed(text: Path, tokenizer: Tokenizer) -> float:
    """Return how many bytes a second the library encodes: whole lines in memory, by as many threads as it starts."""
    part = shards_of(TextRange.whole(text), "line", _LIBRARY_BYTES)[0]
    lines = list(segments(LineReader(part), tokenizer.line_ends))
    began = time.perf_counter()
    for _ in tokenizer.encode_segments(lines):
        pass
    return part.num_bytes / (time.perf_counter() - began)


def _answer(table: dict[str, Any]) -> None:
    sys.stdin.readline()
    print(json.dumps(table), flush=True)


if __name__ == "__main__":
    main()
