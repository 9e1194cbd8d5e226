import pytest

from nextword.text.encoding import word_units
from nextword.text.encoding.units import tidied_lines
from nextword.text.encoding.word_units import WordNumbers


def tokens_of(words: WordNumbers, text: str) -> list[str]:
    numbers = words.of(tidied_lines(text, "word")).tolist()
    units = ["\n", *words.units()]
    return [units[number] for number in numbers]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 15, 16, 17, 40])
def test_tokens_of_any_length_are_numbered_once(size: int) -> None:
    words = WordNumbers()
    long = "é" * (size // 2) + "a" * (size % 2)
    assert tokens_of(words, f"{long} b {long} {long}x\n") == [long, "b", long, f"{long}x", "\n"]
    assert tokens_of(words, f"{long}\n") == [long, "\n"]
    assert sorted(words.units()) == sorted({long, "b", f"{long}x"})


def test_the_table_grows_and_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_units, "_FIRST_SIZE", 4)
    words = WordNumbers()
    expected = [f"w{number}" for number in range(3000)]
    for start in range(0, 3000, 100):
        words.of(" ".join(expected[start : start + 100]) + "\n")
    assert tokens_of(words, " ".join(expected)) == [*expected, "\n"]
    assert len(words.units()) == 3000
    assert len(set(words.units())) == 3000
