"""A text cut block by block: neither its blocks nor a wrong guess of its line ends show in what is made of it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nextword.errors import TextError
from nextword.text.corpus import Corpus
from nextword.text.encoding import cut_text, token_store, units
from nextword.text.encoding.cut_text import CutText
from nextword.text.encoding.token_store import encode
from nextword.text.options import LineEnds, TextOptions, TokenizerKind
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.tokens.pre_tokens import segments
from support.small_tokenizers import count_pieces

PROSE = "".join(
    f"It is a truth number {number} universally\nacknowledged, that “a man” in\nGoteborg\u2019s café "
    f"No. {number % 7} must - be in want; of a wife.\n\n"
    for number in range(400)
)
KINDS: list[TokenizerKind] = ["pretokenized", "word", "subword", "character"]


@pytest.fixture
def part(tmp_path: Path) -> TextRange:
    path = tmp_path / "prose.txt"
    path.write_text(PROSE, encoding="utf-8")
    return TextRange.whole(path)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_text, "BLOCK_CHARACTERS", 4000)
    monkeypatch.setattr(units, "_SLICE", 500)


def cut(part: TextRange, folder: Path, kind: TokenizerKind = "word", line_ends: LineEnds = "line") -> CutText:
    folder.mkdir()
    return CutText(LineReader(part), kind, line_ends, folder)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_do_not_show_in_the_corpus(
    tmp_path: Path, part: TextRange, kind: TokenizerKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora: list[Corpus] = []
    for size in (2**25, 4000):
        monkeypatch.setattr(cut_text, "BLOCK_CHARACTERS", size)
        options = TextOptions().replace(tokenizer=kind)
        corpora.append(Corpus.load(part.path, options, cache_dir=tmp_path / f"cache-{size}"))
    first, other = corpora
    assert other.tokenizer == first.tokenizer
    assert other.report == first.report
    expected = {path.name: path.read_bytes() for path in first.train.path.parent.iterdir()}
    assert {path.name: path.read_bytes() for path in other.train.path.parent.iterdir()} == expected


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_that_the_tokenizer_gives(tmp_path: Path, part: TextRange, kind: TokenizerKind) -> None:
    options = TextOptions(maximum_vocabulary=30).replace(tokenizer=kind)
    tokenizer = Corpus.load(part.path, options, cache_dir=tmp_path / "cache").tokenizer
    whole = encode({"all": part}, tokenizer, cache=tmp_path / "cache").stores["all"]
    expected = np.concatenate(list(tokenizer.encode_segments(segments(LineReader(part), tokenizer.line_ends))))
    assert whole.ids.tolist() == expected.tolist()
    assert whole.report.num_unknown == np.count_nonzero(expected == tokenizer.vocabulary.unknown_id) > 0


@pytest.mark.parametrize("kind", ["word", "subword"])
def test_counts_are_those_of_the_pieces(tmp_path: Path, part: TextRange, kind: TokenizerKind) -> None:
    text = cut(part, tmp_path / "cut", kind, "paragraph")
    parts = list(text.counts())
    expected = count_pieces(segments(LineReader(part), "paragraph"), kind)
    assert len(text.blocks) > 5
    assert sum(parts, Counter[str]()) == expected
    assert sum(map(len, parts)) == len(expected)


def test_a_wrong_guess_of_the_line_ends_is_corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_store, "_BEGINNING", 1000)
    path = tmp_path / "mixed.txt"
    path.write_text("one line\n" * 200 + PROSE, encoding="utf-8")
    corpus = Corpus.load(path, cache_dir=tmp_path / "cache")
    assert corpus.tokenizer.line_ends == "paragraph"


def test_the_first_fault_of_the_text_is_named_by_file_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"line\n" * 3000 + b"b\xffd\n" + b"line\n" * 3000 + b"\0\n" + b"line\n" * 100)
    with pytest.raises(TextError, match=r"bad\.txt`, line 3001, byte 15001: text must be UTF-8 .* 0xff"):
        cut(TextRange.whole(path), tmp_path / "cut")


def test_a_text_that_changes_while_it_is_cut_is_refused(tmp_path: Path, part: TextRange) -> None:
    assert part.sha256
    part.path.write_text(PROSE.replace("truth", "falsehood"), encoding="utf-8")
    with pytest.raises(TextError, match="must not change while it is read, but has changed"):
        cut(part, tmp_path / "cut")
