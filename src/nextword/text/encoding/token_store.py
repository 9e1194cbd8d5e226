"""The token ids of one split on disk, mapped into memory and never read as a whole."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
import tokenizers
from numpy.typing import NDArray

from nextword.errors import TextError
from nextword.system.cache import cache_key, cached_folder
from nextword.text.encoding.cut_text import CutShard, Cutting
from nextword.text.options import OnBadBytes
from nextword.text.reading.progress import Task
from nextword.text.reading.reader import TextRange
from nextword.text.reading.report import ReadCounts, SplitReport
from nextword.text.tokens.tokenizer import Tokenizer

_FORMAT = 2  # raise this number whenever the same text and tokenizer give other ids or other counts
_IDS = "ids.int32"
_REPORT = "report.json"

_ROUND = 2**20


@dataclass(frozen=True)
class TokenStore:
    """The ids of one split, and the counts made while encoding it.

    Attributes:
        folder: Folder with the ids as little-endian int32 and the counts as JSON.
        sha256: SHA-256 of the split's text, in hexadecimal.
        report: The counts.
        tokenizer_fingerprint: Identifies the tokenizer that made the ids.

    Example:
        >>> import nextword
        >>> corpus = nextword.Corpus.load(["She was very much obliged.", "He was not."] * 200)
        >>> corpus.tokenizer.decode(corpus.train.ids[:6])
        'She was very much obliged.'
    """

    folder: Path
    sha256: str
    report: SplitReport
    tokenizer_fingerprint: str

    @classmethod
    def of(cls, part: TextRange, tokenizer: Tokenizer, *, cache: Path, on_bad_bytes: OnBadBytes = "strict") -> Self:
        """Return the store of a text from the cache; encode the text if the cache lacks it.

        The name in the cache depends on the bytes of the text and their place in the file, on the tokenizer with its
        vocabulary and spelling model, and on the version of the library. The files are verified by SHA-256 each time.

        Args:
            part: The text.
            tokenizer: The tokenizer.
            cache: The folder to keep stores in.
            on_bad_bytes: Whether bytes that are not UTF-8 are refused or replaced.

        Raises:
            TextError: The text cannot be read, is refused, or has no words.
            StorageError: The cache cannot be written.
        """
        spelling = hashlib.sha256(tokenizer.spelling_json or b"").hexdigest()
        made_by = (tokenizers.__version__, tokenizer.fingerprint, spelling)
        key = cache_key(_FORMAT, *made_by, on_bad_bytes, part.start, part.sha256)
        cutting = Cutting(part, tokenizer.kind, tokenizer.line_ends, on_bad_bytes, cache)
        try:
            folder = cached_folder(cache / f"tokens-{key}", lambda empty: _write(empty, cutting, tokenizer))
        except TextError:
            cutting.remove()
            raise
        cutting.remove()
        table = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
        report = SplitReport(**table | {"read": ReadCounts(**table["read"])})
        store = cls(folder, part.sha256, report, tokenizer.fingerprint)
        _ = store.ids  # mapped now, so that they stay readable if the cache drops the folder
        return store

    def __repr__(self) -> str:
        return f"TokenStore({self.num_tokens:,} tokens, {self.report.num_out_of_vocabulary:,} out of vocabulary)"

    @cached_property
    def ids(self) -> NDArray[np.int32]:
        """The ids, `(T,)`, mapped read-only from the disk."""
        return np.memmap(self.folder / _IDS, dtype="<i4", mode="r")

    @property
    def num_tokens(self) -> int:
        """Number of ids, including those of `<eos>`."""
        return self.report.num_tokens

    @property
    def num_words(self) -> int:
        """Number of words between white space, plus one for each line end; independent of the tokenizer."""
        return self.report.read.num_words

    @property
    def num_characters(self) -> int:
        """Number of characters, including one for each line end; independent of the tokenizer."""
        return self.report.read.num_characters


def _write(folder: Path, cutting: Cutting, tokenizer: Tokenizer) -> None:
    num_tokens, num_unknown, spelling_log_prob = 0, 0, 0.0
    part = cutting.part
    task = Task("storing the ids", part.num_bytes)
    with cutting.text() as text:
        read = text.read
        if read.num_words == read.num_lines:
            raise TextError(
                f"`{part.name}` must hold words, but bytes {part.start} to {part.stop} are white space only"
            )
        with (folder / _IDS).open("wb") as file:
            for shard in text.shards:
                units = _UnitIds(tokenizer, shard.units)
                for ids in units.encoded(shard):
                    file.write(ids.data)
                    num_tokens += ids.size
                    num_unknown += int(np.count_nonzero(ids == tokenizer.vocabulary.unknown_id))
                spelling_log_prob += units.spelling_log_prob(shard)
                task.advance(shard.read.num_bytes)
    report = SplitReport(read, num_tokens, num_unknown, spelling_log_prob)
    (folder / _REPORT).write_text(json.dumps(dataclasses.asdict(report)), encoding="utf-8")


class _UnitIds:
    """A table from the units of a shard to token ids."""

    def __init__(self, tokenizer: Tokenizer, units: Sequence[str]) -> None:
        self._tokenizer, self._units = tokenizer, units
        end = [tokenizer.vocabulary.end_id]
        if tokenizer.kind == "subword":
            encoded = [end, *tokenizer.encode_units(units)]
            self._unknown = [number for number, ids in enumerate(encoded) if tokenizer.vocabulary.unknown_id in ids]
            self._lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
            self._table = np.fromiter(chain.from_iterable(encoded), np.dtype("<i4"), int(self._lengths.sum()))
        else:
            self._table = np.array([*end, *tokenizer.vocabulary.ids_of(units)], np.dtype("<i4"))
            self._unknown = np.flatnonzero(self._table == tokenizer.vocabulary.unknown_id).tolist()
            self._lengths = np.ones(0, np.int64)

    def encoded(self, shard: CutShard) -> Iterator[NDArray[np.int32]]:
        starts = np.cumsum(self._lengths) - self._lengths
        for numbers in shard.ids():
            if not self._lengths.size:
                yield self._table[numbers]
                continue
            lengths = self._lengths[numbers]
            before = np.cumsum(lengths) - lengths  # tokens of the units before
            within = np.arange(int(lengths.sum())) - np.repeat(before, lengths)
            yield self._table[np.repeat(starts[numbers], lengths) + within]

    def spelling_log_prob(self, shard: CutShard) -> float:
        if not self._unknown:
            return 0.0
        costs = np.zeros(len(self._units) + 1)
        for number in self._unknown:
            unit = self._units[number - 1]
            tokens = (
                self._tokenizer.cut(unit) if self._lengths.size else [(unit, self._tokenizer.vocabulary.unknown_id)]
            )
            costs[number] = sum(self._tokenizer.spelling_log_probs(tokens))
        costs = np.rint(costs * _ROUND) / _ROUND  # sums are exact then, and the same for any number of shards
        return sum(float(costs[numbers].sum()) for numbers in shard.ids())
