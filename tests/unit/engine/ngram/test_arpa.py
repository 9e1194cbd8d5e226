import gzip
import os
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.engine.ngram import arpa_lines
from nextword.engine.ngram.arpa import read_arpa, write_arpa
from nextword.engine.ngram.backoff_model import BackoffModel, backoff_form
from nextword.engine.ngram.interpolated_model import contexts_of
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.errors import TextError
from support.packing import PACK
from support.toy_arpa import TOY_ARPA, TOY_SENTENCES

TOKENS = ("</eos>", "<unk>", "the", "cat", "é\u00a0e")

SMALL = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-0.5\t</s>
-99\t<s>\t-0.25
-0.75\tcat\t-0.125
-1.5\t<unk>

\\2-grams:
-0.1\t<s> cat
-0.2\tcat </s>

\\end\\
"""


def fitted(ids: list[int], order: int) -> KneserNeyModel:
    return KneserNeyModel.fit(np.array(ids, np.int32), order, vocabulary_size=len(TOKENS), end_id=0)


def form_of(model: KneserNeyModel) -> BackoffModel:
    return backoff_form(model, TOKENS, end="</eos>", unknown="<unk>")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "small.arpa"


texts = st.lists(st.integers(0, len(TOKENS) - 1), min_size=1, max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(ids=texts, order=st.integers(1, 4), others=texts)
def test_a_model_that_is_written_and_read_gives_the_same_probabilities(
    path: Path, ids: list[int], order: int, others: list[int]
) -> None:
    model = fitted(ids, order)
    write_arpa(path, form_of(model))
    read = read_arpa(path)
    assert read.order == order
    assert read.words == (*("</s>", "<unk>"), *TOKENS[2:], "<s>")
    text = np.array([*others, 0], np.int32)
    expected = model.token_probabilities(contexts_of(text, order, end_id=0), text)
    found: list[float] = []
    for sentence in " ".join(map(str, text)).split("0")[:-1]:
        words = [read.begin_id, *map(int, sentence.split()), read.end_id]
        found += read.score(np.array(words))[0][1:].tolist()
    np.testing.assert_allclose(10 ** np.array(found), expected, rtol=1e-6)


def test_an_arpa_file_is_read_as_it_was_written_by_others(path: Path) -> None:
    for text in (
        SMALL,
        f"\ufeff{SMALL}",
        "made by hand\n" + SMALL.replace("\n", "\r\n"),
        SMALL.replace("\t", " "),
        SMALL.replace("2=2", "2=2\x1f"),
    ):
        path.write_text(text, encoding="utf-8", newline="")
        model = read_arpa(path)
        assert model.words == ("</s>", "<s>", "cat", "<unk>")
        log10_probs, lengths = model.score(np.array([1, 2, 2, 3, 0]))
        #                                  <s> cat cat <unk> </s>
        np.testing.assert_allclose(log10_probs[1:], [-0.1, -0.125 - 0.75, -0.125 - 1.5, -0.5])
        assert lengths[1:].tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_file_is_read(path: Path, packing: str) -> None:
    path.write_bytes(PACK[packing](SMALL.encode()))
    assert len(read_arpa(path).tables[1]) == 2


def test_a_name_with_gz_is_written_packed(tmp_path: Path) -> None:
    path = tmp_path / "small.arpa.gz"
    write_arpa(path, form_of(fitted([2, 3, 0, 2, 0], 2)))
    assert gzip.decompress(path.read_bytes()).startswith(b"\\data\\\nngram 1=6\nngram 2=")
    assert read_arpa(path).order == 2


def test_what_is_written_is_what_other_programs_expect(path: Path) -> None:
    write_arpa(path, form_of(fitted([2, 3, 0, 2, 0], 2)))
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^-99\t<s>\t-0\.\d+$", text, re.MULTILINE)
    assert re.search(r"^-0\.\d+\t</s>\t0$", text, re.MULTILINE)
    assert re.search(r"^-\d\.?\d*\t<s> the$", text, re.MULTILINE)
    assert re.search(r"^-\d\.?\d*\tcat </s>$", text, re.MULTILINE)
    assert "</s> " not in text
    assert text.endswith("\n\n\\end\\\n")


def test_an_unknown_word_that_the_file_lacks_is_added(path: Path) -> None:
    path.write_text(SMALL.replace("-1.5\t<unk>\n", "").replace("1=4", "1=3"), encoding="utf-8")
    model = read_arpa(path)
    assert model.score(np.array([model.unknown_id]))[0].tolist() == [-100.0]
    path.write_text(SMALL.replace("<unk>", "<UNK>").replace("cat </s>", "<UNK> </s>"), encoding="utf-8")
    model = read_arpa(path)
    assert model.score(np.array([model.id_of("dog"), model.end_id]))[0].tolist() == [-1.5, -0.2]
    both = SMALL.replace("-1.5\t<unk>", "-1.5\t<unk>\n-1.25\t<UNK>").replace("1=4", "1=5")
    path.write_text(both.replace("cat </s>", "<UNK> </s>"), encoding="utf-8")
    model = read_arpa(path)
    assert model.score(np.array([model.id_of("dog"), model.end_id]))[0].tolist() == [-1.5, -0.5]
    assert model.score(np.array([model.id_of("<UNK>"), model.end_id]))[0].tolist() == [-1.25, -0.2]


@pytest.mark.parametrize(
    ("found", "put", "message"),
    [
        ("\\data\\", "text", r"must be an ARPA file, but has no line `\\data\\`; `nextword ngram"),
        ("ngram 2=2", "ngram 3=2", "line 3: an ARPA file must have `ngram 2=COUNT` here"),
        ("2=2", "2=3", r"line 14: an entry must be a log10 probability, 2 words .* has 0 fields; are there 3"),
        ("2=2", "2=1", r"line 13: an ARPA file must have `\\end\\` here, but has `-0.2"),
        ("\\2-grams", "\\3-grams", r"line 11: an ARPA file must have `\\2-grams:` here"),
        ("-0.2\tcat", "-0.2\tdog", "line 13: a word is not among the 1-grams"),
        ("-0.2\tcat", "0.2\tcat", "line 13: a log10 probability must be at most 0"),
        ("-0.2\tcat", "nan\tcat", "line 13: `nan` must be a finite number"),
        ("-0.75\tcat", "x\tcat", "line 8: `x` must be a finite number"),
        ("-0.75\tcat", "-0.75\tcat dog", "line 8: `dog` must be a finite number|line 8: an entry"),
        ("-0.1\t<s> cat", "-0.2\tcat </s>", "2-grams of .* must be distinct"),
        ("-1.5\t<unk>", "-1.5\tcat", "1-grams of .* must be distinct"),
        ("</s>\n-99", "end\n-99", "must hold `</s>` among its 1-grams"),
        ("\n\\end\\", "", r"small\.arpa`, at its end: an ARPA file must continue with `\\end\\`; copy"),
        ("2=2", f"2={'9' * 5000}", "line 3: a count must have at most 18 digits, but has 5000"),
        ("-0.75\tcat", f"-0.{'7' * 100}\tcat", "line 8: a number must be at most 64 bytes long, but is 103"),
        ("-0.2\tcat </s>", f"-0.2\tcat </s>{' 1' * 1000}", "line 13: .* but has 1003 fields"),
    ],
)
def test_a_file_that_is_not_sound_is_refused_with_the_line(path: Path, found: str, put: str, message: str) -> None:
    path.write_text(SMALL.replace(found, put, 1), encoding="utf-8")
    with pytest.raises(TextError, match=message):
        read_arpa(path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_file_is_closed_while_its_error_is_kept(path: Path) -> None:
    path.write_text(SMALL.replace("2=2", "2=1"), encoding="utf-8")
    with pytest.raises(TextError) as kept:
        read_arpa(path)
    assert str(path) not in {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}, kept


@pytest.mark.parametrize("place", ["\n\\end", "-0.75\tcat", "\\data"])
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(path: Path, place: str) -> None:
    text = SMALL.replace(place, f"{' ' * 2**24}{place}", 1)
    path.write_bytes(PACK["gzip"](text.encode()))
    tracemalloc.start()
    line = text[: text.index("  ")].count("\n") + 1
    with pytest.raises(TextError, match=f"line {line}: a line must be at most 1048576 bytes long"):
        read_arpa(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_long_lines_are_parsed_a_few_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arpa_lines, "_CHUNK_BYTES", 30)
    path.write_text(SMALL.replace("cat", "c" * 100), encoding="utf-8")
    assert list(map(len, read_arpa(path).tables)) == [4, 2]
    path.write_text(SMALL[: SMALL.index("-0.2\t")], encoding="utf-8")
    with pytest.raises(TextError, match="must hold 2 2-grams, but ends before"):
        read_arpa(path)


def test_a_context_that_is_missing_is_refused(path: Path) -> None:
    text = SMALL.replace("2=2\n", "2=2\nngram 3=1\n").replace("\\end", "\\3-grams:\n-0.1\tcat cat </s>\n\n\\end")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TextError, match="its first 2 words must be a 2-gram of the file"):
        read_arpa(path)


def test_a_binary_file_of_kenlm_and_a_missing_file_are_refused(path: Path) -> None:
    with pytest.raises(TextError, match=r"small\.arpa` must be a file that can be read"):
        read_arpa(path)
    path.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0")
    with pytest.raises(TextError, match="is a binary file of KenLM; give the ARPA file"):
        read_arpa(path)
    path.write_bytes(b"\x00\x01\x02")
    with pytest.raises(TextError, match="must be an ARPA file, but has no line"):
        read_arpa(path)
    path.write_bytes(b"")
    with pytest.raises(TextError, match="must be an ARPA file, but has no line"):
        read_arpa(path)


def test_tokens_that_an_arpa_file_cannot_hold_are_refused() -> None:
    model = KneserNeyModel.fit(np.array([2, 3, 0], np.int32), 2, vocabulary_size=4, end_id=0)
    for token in ("<s>", "</s>", "a\tb"):
        with pytest.raises(TextError, match="a word of an ARPA file must hold no white space"):
            backoff_form(model, ("<eos>", "<unk>", "the", token), end="<eos>", unknown="<unk>")
    with pytest.raises(TextError, match="must not hold both spaces and"):
        backoff_form(model, ("<eos>", "<unk>", ", ", ",\u2581"), end="<eos>", unknown="<unk>")
    assert backoff_form(model, ("<eos>", "<unk>", ", ", "the"), end="<eos>", unknown="<unk>").words[2] == ",\u2581"


def test_the_model_of_a_text_is_that_of_lmplz(path: Path) -> None:
    """Both fall back to the same discounts on a text this short."""
    path.write_text(TOY_ARPA, encoding="utf-8")
    theirs = read_arpa(path)
    tokens = ["<eos>", "<unk>", *(word for word in theirs.words if not word.startswith("<"))]
    ids = [tokens.index(word) for line in TOY_SENTENCES.splitlines() for word in (*line.split(), "<eos>")]
    model = KneserNeyModel.fit(np.array(ids, np.int32), 3, vocabulary_size=len(tokens), end_id=0)
    ours = backoff_form(model, tokens, end="<eos>", unknown="<unk>")
    assert list(map(len, ours.tables)) == list(map(len, theirs.tables))
    for sentence in ("the cat sat on the fish .", "a zebra ate the mat .", "fish fish the"):
        words = ["<s>", *sentence.split(), "</s>"]
        found, lengths = ours.score(np.array([ours.id_of(word) for word in words]))
        expected, expected_lengths = theirs.score(np.array([theirs.id_of(word) for word in words]))
        np.testing.assert_allclose(found[1:], expected[1:], atol=1e-5)
        assert lengths.tolist() == expected_lengths.tolist()
