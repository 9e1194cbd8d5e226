r"""ARPA files: n-gram models as text, which KenLM, SRILM and most decoders read.

```
\data\
ngram 1=4
ngram 2=2

\1-grams:
-0.7781513	</s>	0
-99	<s>	-0.30103
-0.60206	cat	-0.1760913
-0.9030900	<unk>	0

\2-grams:
-0.1249387	<s> cat
-0.2218487	cat </s>

\end\
```

Each entry is the log10 probability of a word after those before it, the n-gram, and the log10 backoff weight of the
n-gram as a context, which may be left out if it is 0.
"""

import gzip
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nextword.engine.ngram.arpa_lines import ArpaLines
from nextword.engine.ngram.backoff_model import BEGIN, END, UNKNOWN, BackoffModel, BackoffTable, sorted_table
from nextword.engine.ngram.interpolated_model import ABSENT, Floats, Integers
from nextword.errors import TextError
from nextword.system.files import replacing

_CHUNK = 2**16  # entries parsed at once
_LONGEST_NUMBER = 64
_MAX_DIGITS = 18
_BINARY = b"mmap lm http://kheafield.com/code"  # how the files begin that KenLM's `build_binary` writes
_UNKNOWN_LOG10_PROB = -100.0  # the log10 probability of `<unk>` if a file lacks it; KenLM uses the same


def write_arpa(path: Path, model: BackoffModel) -> None:
    """Write a model as an ARPA file, packed with gzip if its name ends in `.gz`."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        packed = (
            gzip.GzipFile(path.name, "wb", compresslevel=6, fileobj=file, mtime=0) if path.suffix == ".gz" else None
        )
        for lines in _written(model):
            (packed or file).write(lines.encode("utf-8"))
        if packed:
            packed.close()


def read_arpa(path: Path) -> BackoffModel:
    """Read an ARPA file, packed or not.

    Raises:
        TextError: The file cannot be read, or is not an ARPA file; the message gives the line.
    """
    with closing(ArpaLines(path)) as lines:
        return _read_model(lines)


def _read_model(lines: ArpaLines) -> BackoffModel:
    counts = _read_counts(lines)
    words: list[bytes] = []
    ids: dict[bytes, int] = {}
    tables: list[BackoffTable] = []
    for length, count in enumerate(counts, start=1):
        lines.expect(f"\\{length}-grams:")
        if length == 1:
            words, table = _read_words(lines, count)
            ids = {word: word_id for word_id, word in enumerate(words)}
            ids.setdefault(b"<UNK>", ids[UNKNOWN.encode()])
        else:
            table = _read_ngrams(lines, count, ids, tables)
        tables.append(table)
    lines.expect("\\end\\")
    for _ in lines:  # a packed file is checked at its end
        pass
    try:
        return BackoffModel(tuple(word.decode("utf-8") for word in words), tuple(tables))
    except UnicodeDecodeError as error:
        raise TextError(
            f"`{lines.path}` must be UTF-8, but a word of it is not ({error.reason}); convert the file"
        ) from error


def _written(model: BackoffModel) -> Iterator[str]:
    sizes = "".join(f"ngram {length}={len(table)}\n" for length, table in enumerate(model.tables, start=1))
    yield f"\\data\\\n{sizes}"
    texts: list[str] = []
    for length, table in enumerate(model.tables, start=1):
        last = [model.words[word] for word in table.table.tokens.tolist()]
        before = [f"{texts[context]} " for context in table.table.contexts.tolist()] if texts else [""] * len(last)
        texts = [context + word for context, word in zip(before, last, strict=True)]
        yield f"\n\\{length}-grams:\n"
        probs, backoffs = table.log10_probs[:-1].tolist(), table.log10_backoffs[:-1].tolist()
        for start in range(0, len(texts), _CHUNK):
            part = slice(start, start + _CHUNK)
            if length < model.order:
                rows = zip(probs[part], texts[part], backoffs[part], strict=True)
                yield "".join([f"{prob:.8g}\t{text}\t{backoff:.8g}\n" for prob, text, backoff in rows])
            else:
                yield "".join([f"{prob:.8g}\t{text}\n" for prob, text in zip(probs[part], texts[part], strict=True)])
    yield "\n\\end\\\n"


def _read_counts(lines: ArpaLines) -> list[int]:
    """Return how many n-grams of each length there are, by the head of the file."""
    number, line = next(((number, line.strip()) for number, line in lines if line.strip()), (1, b"\0"))
    line = line.removeprefix(BOM_UTF8)
    if line.startswith(_BINARY):
        raise TextError(
            f"`{lines.path}` must be an ARPA file, but is a binary file of KenLM; give the ARPA file it came from"
        )
    while line != b"\\data\\":  # comments may come first
        if number > _CHUNK or b"\0" in line:
            raise TextError(
                f"`{lines.path}` must be an ARPA file, but has no line `\\data\\`; `nextword ngram TEXT --arpa FILE` "
                "makes an ARPA file of a text"
            )
        number, line = next(((number, line.strip()) for number, line in lines), (number, b"\0"))
    counts: list[int] = []
    for number, line in lines:
        if not line.strip():
            if counts:
                return counts
            continue
        name, _, value = (part.strip() for part in line.decode("utf-8", "replace").partition("="))
        if name.split() != ["ngram", str(len(counts) + 1)] or not value.isdecimal():
            raise lines.fault(number, f"an ARPA file must have `ngram {len(counts) + 1}=COUNT` here")
        if len(value) > _MAX_DIGITS:
            raise lines.fault(number, f"a count must have at most {_MAX_DIGITS} digits, but has {len(value)}")
        counts.append(int(value))
    raise lines.fault(number, "an ARPA file must continue after its counts, but ends here")


class _Section(NamedTuple):
    """The n-grams of one length, `G` of them as the file has them."""

    first_line: int  # the line of the first
    words: list[Sequence[bytes]]  # the words of each at each place, `G` by length
    log10_probs: Floats  # the probabilities `(G,)`
    log10_backoffs: Floats  # the backoff weights `(G,)`, 0 if left out


def _sections(lines: ArpaLines, length: int, count: int) -> Iterator[_Section]:
    """Yield the n-grams of one length in parts of bounded size."""
    remaining = count
    while remaining:
        chunk = lines.chunk(min(remaining, _CHUNK))
        rows = [line.split(None, length + 2) for _, line in chunk]  # one field too many is enough to refuse
        if not rows:
            raise TextError(f"`{lines.path}` must hold {count} {length}-grams, but ends before; copy or write it again")
        remaining -= len(rows)
        for (number, line), row in zip(chunk, rows, strict=True):
            if len(row) != length + 1 and len(row) != length + 2:
                raise lines.fault(
                    number,
                    f"an entry must be a log10 probability, {length} word{'s' * (length > 1)} and possibly a backoff "
                    f"weight, but has {len(line.split())} fields; are there {count} {length}-grams?",
                )
        first = chunk[0][0]
        probs = _numbers(lines, first, [row[0] for row in rows])
        backoffs = _numbers(lines, first, [row[length + 1] if len(row) == length + 2 else b"0" for row in rows])
        if (positive := np.flatnonzero(probs > 0)).size:
            raise lines.fault(first + int(positive[0]), "a log10 probability must be at most 0, but is positive")
        yield _Section(first, [[row[place] for row in rows] for place in range(1, length + 1)], probs, backoffs)


def _numbers(lines: ArpaLines, first_line: int, fields: list[bytes]) -> Floats:
    if max(map(len, fields)) > _LONGEST_NUMBER:  # each would take as much memory as the longest
        place = next(place for place, field in enumerate(fields) if len(field) > _LONGEST_NUMBER)
        raise lines.fault(
            first_line + place,
            f"a number must be at most {_LONGEST_NUMBER} bytes long, but is {len(fields[place])}",
        )
    try:
        numbers = np.array(fields).astype(np.float64)
    except ValueError:
        numbers = np.array([_number(field) for field in fields])
    if (bad := np.flatnonzero(~np.isfinite(numbers))).size:
        shown = fields[int(bad[0])].decode("utf-8", "replace")
        raise lines.fault(first_line + int(bad[0]), f"`{shown}` must be a finite number")
    return numbers


def _number(field: bytes) -> float:
    try:
        return float(field)
    except ValueError:
        return float("nan")


def _read_words(lines: ArpaLines, count: int) -> tuple[list[bytes], BackoffTable]:
    """Return the words of a file and the table of them; an `<unk>` that it lacks is added."""
    words: list[bytes] = []
    probs: list[Floats] = []
    backoffs: list[Floats] = []
    for section in _sections(lines, 1, count):
        words += section.words[0]
        probs.append(section.log10_probs)
        backoffs.append(section.log10_backoffs)
    if UNKNOWN.encode() not in words:
        words = [UNKNOWN.encode() if word == b"<UNK>" else word for word in words]
    if UNKNOWN.encode() not in words:
        words.append(UNKNOWN.encode())
        probs.append(np.array([_UNKNOWN_LOG10_PROB]))
        backoffs.append(np.zeros(1))
    for word in (BEGIN, END):
        if word.encode() not in words:
            raise TextError(f"`{lines.path}` must hold `{word}` among its 1-grams, but lacks it")
    if len(set(words)) < len(words):
        raise TextError(f"the 1-grams of `{lines.path}` must be distinct, but some are repeated")
    word_ids = np.arange(len(words))
    table, _ = sorted_table(
        len(words), np.zeros_like(word_ids), word_ids, np.concatenate(probs), np.concatenate(backoffs)
    )
    return words, table


def _read_ngrams(lines: ArpaLines, count: int, ids: dict[bytes, int], tables: Sequence[BackoffTable]) -> BackoffTable:
    """Return the table of the n-grams one word longer than those of the last of `tables`."""
    length = len(tables) + 1
    parts: list[tuple[Integers, Integers, Floats, Floats]] = []
    for section in _sections(lines, length, count):
        columns = [np.array([ids.get(word, ABSENT) for word in column], np.int64) for column in section.words]
        if (strange := np.flatnonzero(np.min(columns, axis=0) == ABSENT)).size:
            raise lines.fault(section.first_line + int(strange[0]), "a word is not among the 1-grams")
        contexts = columns[0]
        for table, column in zip(tables[1:], columns[1:], strict=False):
            contexts = table.table.numbers(contexts, column)
        if (lacking := np.flatnonzero(contexts == ABSENT)).size:
            number = section.first_line + int(lacking[0])
            raise lines.fault(
                number, f"its first {length - 1} words must be a {length - 1}-gram of the file, but are not"
            )
        parts.append((contexts, columns[-1], section.log10_probs, section.log10_backoffs))
    if not parts:
        empty = np.zeros(0, np.int64)
        parts = [(empty, empty, np.zeros(0), np.zeros(0))]
    table, _ = sorted_table(len(tables[0]), *(np.concatenate(column) for column in zip(*parts, strict=True)))
    keys = table.table.keys
    if len(keys) and (keys[1:] == keys[:-1]).any():
        raise TextError(f"the {length}-grams of `{lines.path}` must be distinct, but some are repeated")
    return table
