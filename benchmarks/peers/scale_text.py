"""Reads a text as training does: `python scale_text.py TEXT CACHE OPTIONS`.

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
from peer_protocol import answer_in_turn

_LIBRARY_BYTES = 2**24


def main() -> None:
    """Answer three lines."""
    text, cache, options = Path(sys.argv[1]), Path(sys.argv[2]), TextOptions().replace(**json.loads(sys.argv[3]))
    corpora: list[Corpus] = []

    def read() -> dict[str, Any]:
        start = time.perf_counter()
        corpora.append(Corpus.load(text, options, cache_dir=cache))
        seconds, tokenizer = time.perf_counter() - start, corpora[0].tokenizer
        tokens = sum(corpora[0].split(split).num_tokens for split in ("train", "valid", "test"))
        return {"seconds": seconds, "num_tokens": tokens, "vocabulary_size": tokenizer.vocabulary_size}

    answer_in_turn(
        lambda: {"process": os.getpid()}, read, lambda: {"bytes_per_s": library_speed(text, corpora[0].tokenizer)}
    )


def library_speed(text: Path, tokenizer: Tokenizer) -> float:
    """Return how many bytes a second the library encodes: whole lines in memory, by as many threads as it starts."""
    part = shards_of(TextRange.whole(text), "line", _LIBRARY_BYTES)[0]
    lines = list(segments(LineReader(part), tokenizer.line_ends))
    start = time.perf_counter()
    for _ in tokenizer.encode_segments(lines):
        pass
    return part.num_bytes / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
