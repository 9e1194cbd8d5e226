from nextword.generation.end_rule import EndRule
from nextword.text.tokenizer import Tokenizer


def test_without_a_rule_of_its_own_length_alone_ends_a_text() -> None:
    rule = EndRule(3)
    assert [rule.ending(count, 0, "") for count in (1, 2, 3)] == [None, None, "length"]


def test_the_end_token_ends_where_it_is_to() -> None:
    assert EndRule(3, end_id=0).ending(1, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(3, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(1, 1, "") is None


def test_a_stop_string_is_seen_across_tokens(characters: Tokenizer) -> None:
    rule = EndRule(9, stops=("art", "yy"), tokenizer=characters)
    tail, before, endings = "", None, []
    for token_id in (3, 2, 2, 3, 4):  # r a a r t
        tail = rule.tail_with(tail, before, token_id)
        endings.append(rule.ending(1, token_id, tail))
        before = token_id
    assert endings == [None, None, None, None, "stop"]
    assert tail == "art"  # no longer than it must be


def test_a_stop_string_of_one_character_needs_no_tail(characters: Tokenizer) -> None:
    rule = EndRule(9, stops=("t",), tokenizer=characters)
    assert rule.tail_with("aaa", 2, 4) == "t"


def test_spaces_between_words_are_part_of_it(running_text: Tokenizer) -> None:
    rule = EndRule(9, stops=("e s",), tokenizer=running_text)
    tail = rule.tail_with("", None, 2)
    assert rule.ending(2, 3, rule.tail_with(tail, 2, 3)) == "stop"


def test_what_is_shown_stands_whole_before_the_stop_string(running_text: Tokenizer) -> None:
    rule = EndRule(9, stops=("aid",), tokenizer=running_text)
    assert rule.num_shown(None, [2, 3, 4]) == 1  # "He", and half of "said" is not whole
    assert rule.num_shown(None, [2, 4]) == 2
    assert EndRule(9).num_shown(None, [2, 3]) == 2
