"""Odd texts: each is read, or refused in one sentence, and the counts of its splits are those of all its bytes."""

import random
import warnings
from pathlib import Path

import pytest

from nextword.errors import NextwordError
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from support.trust_cases import TrustCases, trust_amount

LINE = b"a man in want of a wife"
BYTES = [
    b"\xff",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"\0",
    b"\0" * 5000,
    b"\x1a",
    b"\x1b[",
]
CHARACTERS = (
    *("\ufeff", "\u00a0", "\u3000", "\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\u200b", "\u200f", "\ufdfa", "\uffff"),
    *("<unk>", " ", "\t\t", "x" * 100_000, "e\u0301", "\U0001f468\u200d\U0001f469"),
)
ODD = [*BYTES, *(characters.encode() for characters in CHARACTERS)]
ENDS = [b"\n", b"\r\n", b"\r", b"\n\n"]
WITHOUT_WORDS = [b"", b"\n", b" \t\r\n" * 50, "\u3000\n".encode() * 9]
TEXTS = [(piece, end) for piece in ODD for end in ENDS]
KINDS = ("word", "character", "pretokenized", "subword")


def text_of(piece: bytes, end: bytes, place: int) -> bytes:
    """Return a text with the piece at the start, amid a word, or at an end without line end."""
    before, after = end.join([LINE] * 40), end.join([LINE] * 40)
    return [piece + before + end + after + end, before + piece + after + end, before + end + after + piece][place]


def characters_of(content: bytes) -> int:
    """Return the number of characters of a text, counted by Python alone; a line end is one."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return len(text) + (not text.endswith("\n"))


def loaded(path: Path, kind: str, on_bad_bytes: str) -> Corpus | str:
    """Return the corpus, or the message with which it is refused."""
    options = TextOptions().replace(tokenizer=kind, on_bad_bytes=on_bad_bytes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return Corpus.load(path, options, cache_dir=path.parent / "cache")
    except NextwordError as error:
        return str(error)


@pytest.mark.parametrize("part", range(4))
def test_every_byte_is_accounted_for(part: int, tmp_path: Path, trust_cases: TrustCases) -> None:
    mine = TEXTS[part::4]
    chosen = trust_amount(random.Random(part).sample(mine, 2), mine)
    path = tmp_path / "odd.txt"
    for number, (piece, end) in enumerate(chosen):
        content = text_of(piece, end, number % 3)
        path.write_bytes(content)
        strict = loaded(path, KINDS[number % 4], "strict")
        if isinstance(strict, str):
            assert "\n" not in strict
            assert str(path) in strict
        replaced = loaded(path, KINDS[number % 4], "replace")
        assert isinstance(replaced, Corpus), replaced
        reads = [split.report.read for split in (replaced.train, replaced.valid, replaced.test)]
        assert sum(read.num_bytes for read in reads) == len(content)
        assert sum(read.num_characters for read in reads) == characters_of(content)
        trust_cases.add(bytes=len(content), refused=int(isinstance(strict, str)))


@pytest.mark.parametrize("content", WITHOUT_WORDS, ids=repr)
def test_a_text_without_words_is_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    for kind in KINDS:
        message = loaded(path, kind, "strict")
        assert isinstance(message, str)
        assert "\n" not in message
        assert str(path) in message
