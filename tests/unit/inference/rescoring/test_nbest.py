import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.inference.rescoring.nbest import LineSource, NbestList, NbestReader

Read = Callable[..., tuple[NbestReader, list[NbestList]]]

NAMED = "utterance\ttext\tacoustic\tgrammar\nu1\tthe cat\t-1.5\t2\nu1\tthe cats\t-2\t1\nu2\t\t-3e1\t0\n"
JSON = (
    '{"utterance": "u1", "text": "the cat", "acoustic": -1.5, "grammar": 2, "reference": "the cat"}\n'
    '{"grammar": 1, "text": "the cats", "utterance": "u1", "acoustic": -2, "reference": "the cat"}\n'
    "\n"
    '{"utterance": "u2", "text": "", "acoustic": -30, "grammar": 0, "reference": "sat"}\n'
)


def shown(lists: list[NbestList]) -> list[tuple[str, list[tuple[str, tuple[float, ...]]]]]:
    return [(each.utterance, [hypothesis[:2] for hypothesis in each.hypotheses]) for each in lists]


EXPECTED = [("u1", [("the cat", (-1.5, 2.0)), ("the cats", (-2.0, 1.0))]), ("u2", [("", (-30.0, 0.0))])]


def test_a_table_with_named_columns_is_read(read_lists: Read) -> None:
    reader, lists = read_lists(NAMED)
    assert reader.format.score_names == ("acoustic", "grammar")
    assert shown(lists) == EXPECTED
    assert lists[0].reference is None


def test_json_lines_are_read_in_any_order_of_fields(read_lists: Read) -> None:
    reader, lists = read_lists(JSON)
    assert reader.format.kind == "jsonl"
    assert shown(lists) == EXPECTED
    assert [each.reference for each in lists] == ["the cat", "sat"]


@pytest.mark.parametrize(
    ("line", "names"),
    [("u1\tthe cat", ()), ("u1\tthe cat\t1", ("score",)), ("u1\tthe cat\t1\t2", ("score1", "score2"))],
)
def test_a_table_without_a_header_is_read(read_lists: Read, line: str, names: tuple[str, ...]) -> None:
    reader, lists = read_lists(f"{line}\r\n")
    assert reader.format.score_names == names
    assert lists[0].hypotheses[0].first_pass == tuple(map(float, range(1, len(names) + 1)))


def test_other_columns_are_kept_if_scores_are_selected(read_lists: Read) -> None:
    _, lists = read_lists("utterance\ttext\ttime\tacoustic\nu1\tthe cat\t0:03\t-1\n", ["acoustic"])
    assert lists[0].hypotheses[0] == (
        "the cat",
        (-1.0,),
        {"utterance": "u1", "text": "the cat", "time": "0:03", "acoustic": "-1"},
    )


@given(
    st.lists(
        st.lists(st.tuples(st.text("ab ", max_size=6), st.floats(-1e6, 1e6)), min_size=1, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_a_written_file_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, utterances: list[list[tuple[str, float]]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.tsv"
    lines = [f"u{place}\t{text}\t{score!r}" for place, each in enumerate(utterances) for text, score in each]
    path.write_text("\n".join(lines), encoding="utf-8")
    lists = list(NbestReader(LineSource(str(path))))
    assert [[(text, first_pass[0]) for text, first_pass, _ in each.hypotheses] for each in lists] == utterances


def test_lists_are_yielded_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "bad at the end.tsv"
    path.write_text("u1\ta\t1\nu2\tb\t1\nu3\tc\tmany\n", encoding="utf-8")
    lists = iter(NbestReader(LineSource(str(path))))
    assert next(lists).utterance == "u1"
    with pytest.raises(TextError, match="line 3: `score` must be a finite number, but is 'many'"):
        list(lists)


def test_compressed_files_and_standard_input_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(NAMED.encode()))
    assert shown(list(NbestReader(LineSource(str(path))))) == EXPECTED
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(NAMED.encode()))))
    assert shown(list(NbestReader(LineSource("-")))) == EXPECTED


def test_the_fingerprint_depends_on_the_lists_not_on_the_format(read_lists: Read) -> None:
    table, lines, other = (read_lists(text)[0] for text in (NAMED, JSON, NAMED.replace("cats", "dogs")))
    assert table.fingerprint == lines.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have at least one hypothesis, but is empty"),
        ("\n \n", "must have at least one hypothesis, but is empty"),
        ("utterance\ttext\tscore\n", "must have at least one hypothesis, but has only column names"),
        ("the cat sat\n", "line 1: a line must have an utterance and a text separated by a tab"),
        ("u1\ta\t1\nu1\tb\n", r"line 2: a line must have 3 tab-separated columns \(utterance, text, score\)"),
        ("u1\ta\t1\nu1\ta\tb\t1\n", "line 2: .* but has 4; add the missing columns, or replace tabs"),
        ("u1\ta\tnan\n", "line 1: `score` must be a finite number, but is 'nan'"),
        ("u1\ta\t-inf\n", "line 1: `score` must be a finite number"),
        ("\ta\t1\n", "line 1: `utterance` must be an id, but is empty"),
        ("u1\ta\t1\nu2\ta\t1\nu1\tb\t1\n", r"line 3: .* but `u1` is repeated after others; sort the file"),
        (
            "utterance\ttext\trank\nu1\ta\t1\n",
            "line 1: the input must have no column `rank`, because rescoring adds it",
        ),
        ("utterance\ttext\tx\tx\nu1\ta\t1\t1\n", "line 1: .* but `x` is repeated; rename one"),
        ('{"utterance": "u1"}\n', "line 1: the columns must include `text`"),
        ('{"utterance": "u1", "text": "a"\n', "line 1: must be JSON"),
        ('{"utterance": "u1", "text": "a", "text": "b"}\n', "line 1: must not name 'text' twice"),
        ('{"utterance": "u1", "text": "a", "s": "x"}\n', "line 1: `s` must be a finite number, but is 'x'"),
        ('{"utterance": "u1", "text": "a", "s": true}\n', "line 1: `s` must be a finite number, but is True"),
        ('{"utterance": 7, "text": "a", "s": 1}\n', 'line 1: `utterance` must be text, but is 7; write it as "7"'),
        ('{"utterance": "u1", "text": "a\\nb", "s": 1}\n', "line 1: `text` must be one line"),
        ('{"utterance": "u", "text": "a", "s": 1}\n{"utterance": "u", "text": "a"}\n', "line 2: .* the field `s`"),
        ('{"utterance": "u", "text": "a"}\n{"utterance": "u", "text": "a", "s": 1}\n', "line 2: .* but has `s`"),
        ('{"utterance": "u", "text": "a"}\n[1]\n', "line 2: a line must be a JSON object, but is"),
        (
            "utterance\ttext\treference\nu\ta\tb\nu\tb\tc\n",
            "line 3: `reference` must be the same for all hypotheses of `u`, but differs from line 2",
        ),
    ],
)
def test_an_invalid_line_is_named(read_lists: Read, text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        read_lists(text)


def test_selected_scores_must_be_columns_of_numbers(read_lists: Read) -> None:
    with pytest.raises(TextError, match="the columns must include `pitch`, but are utterance, text, acoustic"):
        read_lists(NAMED, ["pitch"])
    with pytest.raises(TextError, match="a score must be a column of numbers, but `text` has text"):
        read_lists(NAMED, ["text"])
