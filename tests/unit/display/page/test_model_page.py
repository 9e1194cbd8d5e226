from nextword.display.page.model_page import passage_of


def test_a_short_text_is_taken_whole() -> None:
    assert passage_of(["", "  ", "It is", "", "so.", ""]) == "It is\n\nso."


def test_a_passage_ends_after_a_paragraph_if_one_ends_late() -> None:
    lines = ["a" * 30, "", "b" * 20, "", "c" * 60]
    assert passage_of(lines, max_characters=80) == f"{lines[0]}\n\n{lines[2]}"
    assert passage_of(["a" * 10, "", "b" * 50, "c" * 60], max_characters=80) == f"{'a' * 10}\n\n{'b' * 50}"


def test_a_long_first_line_is_cut_between_words() -> None:
    assert passage_of(["one two three four"], max_characters=10) == "one two"
    assert passage_of(["字" * 20], max_characters=10) == "字" * 10


def test_an_empty_text_has_an_empty_passage() -> None:
    assert passage_of([]) == passage_of(["", ""]) == ""
