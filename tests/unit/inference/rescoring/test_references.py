from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.errors import TextError
from nextword.inference.rescoring.nbest import Hypothesis, LineSource, NbestList
from nextword.inference.rescoring.references import References


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], References]:
    def read_text(text: str) -> References:
        path = tmp_path / "references"
        path.write_text(text, encoding="utf-8")
        return References.read(LineSource(str(path)))

    return read_text


def of(utterance: str, reference: str | None = None) -> NbestList:
    return NbestList(utterance, [Hypothesis("the cat", (), {})], reference)


def test_a_table_counts_unused_references(read: Callable[[str], References]) -> None:
    references = read("u1\tthe cat\n\nu2\t\nu3\tsat\n")
    assert [references.of(of(utterance, "another")) for utterance in ("u1", "u2", "u1")] == ["the cat", "", "the cat"]
    assert references.num_unused == 1
    with pytest.raises(TextError, match="must have a reference for every utterance, but has none for `u9`; add it"):
        references.of(of("u9"))


def test_a_list_can_contain_its_reference() -> None:
    references = References()
    assert references.of(of("u1", "sat")) == "sat"
    assert references.num_unused == 0
    with pytest.raises(TextError, match="`u2` has none; give `--references FILE`"):
        references.of(of("u2"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have at least one reference, but is empty"),
        ("u1 the cat\n", "line 1: a line must have an utterance and a reference separated by one tab"),
        ("u1\tthe\tcat\n", "line 1: a line must have an utterance"),
        ("\tthe cat\n", "line 1: a line must have an utterance"),
        ("u1\ta\nu1\tb\n", "line 2: an utterance must have one reference, but `u1` has two"),
    ],
)
def test_an_invalid_line_is_named(read: Callable[[str], References], text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        read(text)
