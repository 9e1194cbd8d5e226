import pytest

from nextword.inference.suggestion.letter_case import begins_sentence, is_lower_cased


@pytest.mark.parametrize(
    ("pieces", "begins"),
    [
        ([], True),
        (["<eos>"], True),
        (["no", ". "], True),
        (["no", "."], True),
        (["no", "!", '" '], True),
        (["no", "?", ")", " \u201c"], True),
        (["no", "..."], True),
        (["no"], False),
        (["no", ", "], False),
        (["no", '" '], False),
        (['"'], True),
        (["no", ".", "and"], False),
        (["mr."], False),
        (["a", ".", " ", " "], True),
        (["a", " "], False),
        (["\u3002"], True),
    ],
)
def test_where_sentences_begin(pieces: list[str], begins: bool) -> None:
    assert begins_sentence(reversed(pieces)) is begins


def test_a_vocabulary_with_few_capitals_is_lower_cased() -> None:
    words = [f"word{number}" for number in range(100)]
    assert is_lower_cased([*words, "N", "$", "1"])
    assert not is_lower_cased([*words, "N", "London"])
    assert is_lower_cased([])
