"""The token ids of splits on disk, with the tokenizer that made them: one folder of the cache, made in one pass."""

import dataclasses
import hashlib
import json
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import TextError
from nextword.system.cache import cache_key, cached_folder
from nextword.system.progress import Task
from nextword.text.encoding.cut_text import Block, CutText
from nextword.text.options import LineEnds, OnBadBytes, TextOptions, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.reading.report import ReadCounts, SplitReport
from nextword.text.sources.names import SplitOrAll
from nextword.text.tokens.pre_tokens import LineRuns
from nextword.text.tokens.spelling import FILE as SPELLING
from nextword.text.tokens.spelling import MAX_WORDS, SpellingModel, sample
from nextword.text.tokens.subwords import MAX_PRE_TOKENS, subword_vocabulary
from nextword.text.tokens.tokenizer import FILE as VOCABULARY
from nextword.text.tokens.tokenizer import Tokenizer, spelling_of
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary

_FORMAT = 4  # raise this number whenever the same text and options give other ids, another vocabulary or other counts
_REPORT = "report.json"
_SCRATCH = "scratch"
_BEGINNING = 2**20  # bytes by which `line_ends` is guessed
_ROUND = 2**20

Parts = Mapping[SplitOrAll, TextRange]


@dataclass(frozen=True)
class TokenStore:
    """The ids of one split, and the counts made while encoding it.

    Attributes:
        path: File with the ids as little-endian int32.
        sha256: SHA-256 of the split's text, in hexadecimal.
        report: The counts.
        tokenizer_fingerprint: Identifies the tokenizer that made the ids.

    Example:
        >>> import nextword
        >>> corpus = nextword.Corpus.load(["She was very much obliged.", "He was not."] * 200)
        >>> corpus.tokenizer.decode(corpus.train.ids[:6])
        'She was very much obliged.'
    """

    path: Path
    sha256: str
    report: SplitReport
    tokenizer_fingerprint: str

    def __repr__(self) -> str:
        return f"TokenStore({self.num_tokens:,} tokens, {self.report.num_out_of_vocabulary:,} out of vocabulary)"

    @cached_property
    def ids(self) -> NDArray[np.int32]:
        """The ids, `(T,)`, mapped read-only from the disk."""
        return np.memmap(self.path, dtype="<i4", mode="r")

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


class Encoded(NamedTuple):
    """Splits as token ids."""

    stores: Mapping[SplitOrAll, TokenStore]
    tokenizer: Tokenizer
    is_close: bool  # whether another choice of what `<eos>` ends is nearly as good; see `LineRuns.is_close`


def encode(parts: Parts, tokenizer: Tokenizer, *, cache: Path, on_bad_bytes: OnBadBytes = "strict") -> Encoded:
    """Return the ids of splits for a tokenizer, from the cache if they are there.

    The name in the cache depends on the bytes of the splits and their places in their files, and on the tokenizer with
    its vocabulary and spelling model. The files are verified by SHA-256 each time.

    Raises:
        TextError: A split cannot be read, is refused, or has no words.
        StorageError: The cache cannot be written.
    """
    spelling = hashlib.sha256(tokenizer.spelling_json or b"").hexdigest()
    key = cache_key(_FORMAT, tokenizer.fingerprint, spelling, on_bad_bytes, *_identified(parts))

    def write(folder: Path) -> None:
        reports = {}
        for split, part in parts.items():
            text = _cut(part, tokenizer.kind, tokenizer.line_ends, on_bad_bytes, folder)
            reports[split] = _write_ids(folder, split, part, text, tokenizer)
        _write_report(folder, reports, is_close=False)

    return _opened(cached_folder(cache / f"tokens-{key}", write), parts, tokenizer)


def encode_new(parts: Parts, options: TextOptions, *, cache: Path, base: Vocabulary | None = None) -> Encoded:
    """Return the ids of splits and the tokenizer that is made from the split `train`, from the cache if it is there.

    Args:
        parts: The splits.
        options: The resolved options.
        cache: The folder to keep stores in.
        base: A vocabulary that is kept, and to which the words of the text are added.

    Raises:
        TextError: A split cannot be read, is refused, or has no words.
        StorageError: The cache cannot be written.
    """
    limits = (options.minimum_count, options.maximum_vocabulary)
    how = (options.kind, options.line_ends, *limits, *((MAX_PRE_TOKENS,) if options.kind == "subword" else ()))
    known = (cache_key(*base.tokens),) if base else ()
    key = cache_key(_FORMAT, *how, options.on_bad_bytes, *known, *_identified(parts))
    folder = cached_folder(cache / f"tokens-{key}", lambda empty: _write_new(empty, parts, options, base))
    return _opened(folder, parts, None)


def _identified(parts: Parts) -> list[str | int]:
    return [field for split, part in parts.items() for field in (split, part.start, part.sha256)]


def _opened(folder: Path, parts: Parts, tokenizer: Tokenizer | None) -> Encoded:
    table = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
    if tokenizer is None:
        text = (folder / VOCABULARY).read_text(encoding="utf-8")
        tokenizer = Tokenizer.from_json(text, kind=table["kind"], line_ends=table["line_ends"])
        spelling = SpellingModel.from_json((folder / SPELLING).read_bytes())
        tokenizer = dataclasses.replace(tokenizer, spelling=spelling)
    stores: dict[SplitOrAll, TokenStore] = {}
    for split, part in parts.items():
        counts = table["splits"][split]
        report = SplitReport(**counts | {"read": ReadCounts(**counts["read"])})
        store = stores[split] = TokenStore(_ids_file(folder, split), part.sha256, report, tokenizer.fingerprint)
        _ = store.ids  # mapped now, so that they stay readable if the cache drops the folder
    return Encoded(stores, tokenizer, table["is_close"])


def _ids_file(folder: Path, split: SplitOrAll) -> Path:
    return folder / f"{split}.int32"


def _write_report(folder: Path, reports: Mapping[SplitOrAll, SplitReport], **more: object) -> None:
    table = {"splits": {split: dataclasses.asdict(report) for split, report in reports.items()}, **more}
    (folder / _REPORT).write_text(json.dumps(table), encoding="utf-8")
    shutil.rmtree(folder / _SCRATCH)


def _write_new(folder: Path, parts: Parts, options: TextOptions, base: Vocabulary | None) -> None:
    train = _cut_train(parts["train"], options, folder)
    tokenizer = _tokenizer_of(train, options, base)
    (folder / VOCABULARY).write_text(tokenizer.to_json(), encoding="utf-8")
    (folder / SPELLING).write_bytes(tokenizer.spelling_json or b"")
    reports: dict[SplitOrAll, SplitReport] = {"train": _write_ids(folder, "train", parts["train"], train, tokenizer)}
    for split in parts.keys() - {"train"}:
        text = _cut(parts[split], tokenizer.kind, tokenizer.line_ends, options.on_bad_bytes, folder)
        reports[split] = _write_ids(folder, split, parts[split], text, tokenizer)
    _write_report(folder, reports, kind=tokenizer.kind, line_ends=tokenizer.line_ends, is_close=train.runs.is_close)


def _cut_train(part: TextRange, options: TextOptions, folder: Path) -> CutText:
    """Cut the training split; what `<eos>` ends is guessed by its beginning if the text is to decide."""
    if options.line_ends != "auto":
        return _cut(part, options.kind, options.line_ends, options.on_bad_bytes, folder)
    beginning = next(part.part(part.start, min(part.stop, part.start + _BEGINNING)).blocks(), b"")
    guess = LineRuns.of(split_lines(beginning.decode("utf-8", "replace"))).line_ends
    text = _cut(part, options.kind, guess, options.on_bad_bytes, folder)
    if text.runs.line_ends == guess:
        return text
    return _cut(part, options.kind, text.runs.line_ends, options.on_bad_bytes, folder)


def _cut(part: TextRange, kind: TokenizerKind, line_ends: LineEnds, on_bad_bytes: OnBadBytes, folder: Path) -> CutText:
    scratch = folder / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    reader = LineReader(part, on_bad_bytes=on_bad_bytes, pretokenized=kind == "pretokenized")
    return CutText(reader, kind, line_ends, scratch)


def _tokenizer_of(text: CutText, options: TextOptions, base: Vocabulary | None) -> Tokenizer:
    make: Callable[..., Vocabulary] = subword_vocabulary if options.kind == "subword" else Vocabulary.from_parts
    if base is not None:
        make = partial(_kept if options.kind == "subword" else Vocabulary.merged, base)
    pre_tokens: set[str] = set()

    def parts() -> Iterator[Counter[str]]:
        nonlocal pre_tokens
        for part in text.counts():
            yield part
            pre_tokens.update(part)
            if len(pre_tokens) > 2 * MAX_WORDS:
                pre_tokens = sample(pre_tokens)

    vocabulary = make(parts(), minimum_count=options.minimum_count or 1, maximum_size=options.maximum_vocabulary)
    spelling = spelling_of(pre_tokens - {UNKNOWN, END}, options.kind, vocabulary)
    return Tokenizer(options.kind, text.line_ends, vocabulary, spelling)


def _kept(base: Vocabulary, parts: Iterable[Mapping[str, int]], **_limits: int | None) -> Vocabulary:
    """Return the vocabulary of a base as it is, after the text was read for its spelling."""
    deque(parts, maxlen=0)
    return base


def _write_ids(folder: Path, split: SplitOrAll, part: TextRange, text: CutText, tokenizer: Tokenizer) -> SplitReport:
    num_tokens, num_unknown, spelling_log_prob = 0, 0, 0.0
    if text.read.num_words == text.read.num_lines:
        raise TextError(f"`{part.name}` must hold words, but bytes {part.start} to {part.stop} are white space only")
    task = Task("storing the ids", text.num_units)
    with _ids_file(folder, split).open("wb") as file:
        for block in text.blocks:
            units = _UnitIds(tokenizer, text.units(block))
            for ids in units.encoded(text, block):
                file.write(ids.data)
                num_tokens += ids.size
                num_unknown += int(np.count_nonzero(ids == tokenizer.vocabulary.unknown_id))
            spelling_log_prob += units.spelling_log_prob(text, block)
            task.advance(block.num_units)
    return SplitReport(text.read, num_tokens, num_unknown, spelling_log_prob)


class _UnitIds:
    """A table from the units of a block to token ids."""

    def __init__(self, tokenizer: Tokenizer, units: Sequence[str]) -> None:
        self._tokenizer, self._units = tokenizer, units
        end = [tokenizer.vocabulary.end_id]
        unknown = tokenizer.vocabulary.unknown_id
        if tokenizer.kind == "subword":
            encoded = [end, *([token_id for _, token_id in tokenizer.cut(unit)] for unit in units)]
            self._unknown = [number for number, ids in enumerate(encoded) if unknown in ids]
            self._lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
            self._table = np.fromiter(chain.from_iterable(encoded), np.dtype("<i4"), int(self._lengths.sum()))
        else:
            self._table = np.array([*end, *tokenizer.vocabulary.ids_of(units)], np.dtype("<i4"))
            self._unknown = np.flatnonzero(self._table == unknown).tolist()
            self._lengths = np.ones(0, np.int64)

    def encoded(self, text: CutText, block: Block) -> Iterator[NDArray[np.int32]]:
        starts = np.cumsum(self._lengths) - self._lengths
        for numbers in text.numbers(block):
            if not self._lengths.size:
                yield self._table[numbers]
                continue
            lengths = self._lengths[numbers]
            before = np.cumsum(lengths) - lengths  # tokens of the units before
            within = np.arange(int(lengths.sum())) - np.repeat(before, lengths)
            yield self._table[np.repeat(starts[numbers], lengths) + within]

    def spelling_log_prob(self, text: CutText, block: Block) -> float:
        if not self._unknown:
            return 0.0
        costs = np.zeros(len(self._units) + 1)
        for number in self._unknown:
            unit = self._units[number - 1]
            tokens = (
                self._tokenizer.cut(unit) if self._lengths.size else [(unit, self._tokenizer.vocabulary.unknown_id)]
            )
            costs[number] = sum(self._tokenizer.spelling_log_probs(tokens))
        costs = np.rint(costs * _ROUND) / _ROUND  # sums are exact then, and the same for any number of blocks
        return sum(float(costs[numbers].sum()) for numbers in text.numbers(block))
