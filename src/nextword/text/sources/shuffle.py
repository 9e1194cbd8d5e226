"""Documents written in random order, with a seed, however large the text is.

Each document or block of documents gets a random key and goes into one of many files by it. Then each file, which fits
into memory, is sorted by the keys and written out.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

_FILES = 64


class ShuffledDocuments:
    """Collects documents while the context is open, and yields them in random order.

    Args:
        folder: Where temporary files may be.
        seed: The seed. The same documents in the same order with the same seed come in the same random order.
        block: Documents that follow one another stay together until they have this many characters; with 0, each
            document is by itself.
    """

    def __init__(self, folder: Path, seed: int, block: int) -> None:
        self._folder, self._seed, self._block_size = folder, seed, block
        self._stack = ExitStack()
        self._block: list[str] = []
        self._num_characters = 0
        self._num_blocks = 0

    def __enter__(self) -> Self:
        scratch = Path(self._stack.enter_context(TemporaryDirectory(dir=self._folder, prefix=".shuffle-")))
        self._paths = [scratch / str(number) for number in range(_FILES)]
        self._files = [self._stack.enter_context(path.open("wb")) for path in self._paths]
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def add(self, document: str) -> None:
        """Add a document."""
        self._block.append(document)
        self._num_characters += len(document)
        if self._num_characters >= self._block_size:
            self._write_block()

    def documents(self) -> Iterator[str]:
        """Yield all documents that were added."""
        self._write_block()
        for file, path in zip(self._files, self._paths, strict=True):
            file.close()
            for _, block in sorted(map(json.loads, path.read_bytes().splitlines())):
                yield from block
            path.unlink()

    def _write_block(self) -> None:
        if not self._block:
            return
        seed = self._seed.to_bytes(16, "little", signed=True)
        key = blake2b(self._num_blocks.to_bytes(8, "little"), digest_size=8, key=seed).digest()
        line = json.dumps([key.hex(), self._block], ensure_ascii=False).encode("utf-8", "surrogatepass")
        self._files[key[0] * _FILES // 256].write(line + b"\n")
        self._block, self._num_characters = [], 0
        self._num_blocks += 1
