import pytest

from documentation.comparison import difference, matches, merged


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        ("a\nb", "a  \nb\n\n"),
        ("", "\n"),
        ("...", ""),
        ("a\n...", "a\nb\nc"),
        ("...\nc", "a\nb\nc"),
        ("a\n...\nd\n...\nf", "a\nb\nd\nd\ne\nf"),
        ("round 1/2 ... 84.00 ... best", "round 1/2 epoch 1 valid 84.00 at 29,000 words/s best"),
        ("0.2346...", "0.23467630843224505"),
    ],
)
def test_outputs_that_match(shown: str, output: str) -> None:
    assert matches(shown, output)


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        ("a", "b"),
        ("a", ""),
        ("", "a"),
        ("a", " a"),
        ("a\nb", "a\nb\nc"),
        ("a\n...", "b\nc"),
        ("...\nc", "a\nb"),
        ("...\na\n...", "b"),
        ("a...c", "a b"),
        ("a.c", "abc"),
        ("1,234", "1234"),
    ],
)
def test_outputs_that_differ(shown: str, output: str) -> None:
    assert not matches(shown, output)


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("perplexity  76.81", "perplexity 77.5", True),
        ("perplexity  76.81", "perplexity 79.5", False),
        ("loss -4.00", "loss -4.05", True),
        ("loss -4.00", "loss 4.00", False),
        ("1,000 words", "  991 words", False),
        ("  1,000 words", "    991 words", True),
        ("1,000 words", "991 tokens", False),
        ("0", "0", True),
        ("0", "0.001", False),
        ("word2vec 1.00", "word2vec 1.01", True),
        ("word2vec 1.00", "word3vec 1.01", False),
        ("train 97.9 ...", "train 98.1 valid 84", True),
        ("train 97.9 ...\n...", "train 98.1 valid 84\nmore", True),
    ],
)
def test_numbers_within_two_percent(shown: str, output: str, same: bool) -> None:
    assert matches(shown, output, 0.02) is same


def test_the_difference_is_a_diff() -> None:
    lines = difference("a\nb", "a\nc").splitlines()
    assert lines[:2] == ["--- shown in the page", "+++ printed by this run"]
    assert lines[3:] == [" a", "-b", "+c"]


@pytest.mark.parametrize(
    ("shown", "output", "expected"),
    [
        ("", "a\nb\n", "a\nb"),
        ("a\nb", "c", "c"),
        ("old", "", ""),
        ("a\n...\nz 1", "a\nb\nc\nz 2", "a\n...\nz 2"),
        ("...\nperplexity 1", "head\nperplexity 2", "...\nperplexity 2"),
        ("round 1 ... best\ntest 1", "round 1 valid 84 best\ntest 2", "round 1 ... best\ntest 2"),
        ("a\n...", "a\nb", "a\n..."),
        ("a\nb\nc", "a\nc\nd", "a\nc\nd"),
    ],
)
def test_a_written_output_keeps_what_was_left_open(shown: str, output: str, expected: str) -> None:
    assert merged(shown, output) == expected
    assert matches(expected, output)


def test_a_written_output_keeps_numbers_that_are_close_enough() -> None:
    assert merged("a 1.00\nb 2.00", "a 1.01\nb 3.00", 0.02) == "a 1.00\nb 3.00"
