import pytest

from nextword.errors import SettingError
from nextword.text.options import TextOptions


def test_open_values_follow_the_tokenizer() -> None:
    word = TextOptions(tokenizer="word").resolved(pretokenized=False)
    assert (word.minimum_count, word.maximum_vocabulary, word.line_ends) == (2, 50_000, "auto")
    pretokenized = TextOptions(tokenizer="pretokenized").resolved(pretokenized=False)
    assert (pretokenized.minimum_count, pretokenized.maximum_vocabulary, pretokenized.line_ends) == (1, None, "line")
    character = TextOptions(tokenizer="character").resolved(pretokenized=True)
    subword = TextOptions(tokenizer="subword").resolved(pretokenized=True)
    assert (subword.kind, subword.minimum_count, subword.maximum_vocabulary) == ("subword", 2, 8_000)
    assert subword.line_ends == "auto"
    assert (character.kind, character.minimum_count, character.maximum_vocabulary) == ("character", 1, None)


def test_auto_is_pretokenized_for_a_known_corpus_and_word_for_the_rest() -> None:
    assert TextOptions().resolved(pretokenized=True).kind == "pretokenized"
    assert TextOptions().resolved(pretokenized=False).kind == "word"


def test_values_that_were_given_stay() -> None:
    options = TextOptions(minimum_count=5, maximum_vocabulary=100, line_ends="paragraph")
    resolved = options.resolved(pretokenized=False)
    assert (resolved.minimum_count, resolved.maximum_vocabulary, resolved.line_ends) == (5, 100, "paragraph")


@pytest.mark.parametrize("pretokenized", [True, False])
def test_resolved_options_survive_their_table_and_resolve_to_themselves(pretokenized: bool) -> None:
    resolved = TextOptions().resolved(pretokenized=pretokenized)
    read_again = TextOptions.from_table(resolved.to_table())
    assert read_again == resolved
    assert read_again.resolved(pretokenized=not pretokenized) == resolved


def test_paragraphs_are_refused_for_tokenizers_that_work_by_line() -> None:
    with pytest.raises(SettingError, match="`line_ends` must be line for the character tokenizer"):
        TextOptions(tokenizer="character", line_ends="paragraph").resolved(pretokenized=False)


def test_the_kind_of_unresolved_options_is_refused() -> None:
    with pytest.raises(SettingError, match="must be resolved"):
        _ = TextOptions().kind
