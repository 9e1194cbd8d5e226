"""The shown text is that of the generator, however its tokens arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.generation.generated_text import after_prompt, may_join, text_pieces, until_stop
from nextword.serving.queue.text_task import TokenScore
from nextword.serving.routes.completions.text import CompletionText, Prompt, ShownText, shown_prompt
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

TOKENS = ("<eos>", "<unk>", "a", "b", " ", "\u0301", "\U0001f1e9", "\U0001f1ea", ".")
CHARACTERS = Tokenizer("character", "line", Vocabulary(TOKENS))
WORDS = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "He", "said", ", ", ",", " - ", "no")))


def shown(
    tokenizer: Tokenizer, prompt: str, ids: list[int], sizes: list[int], stops: tuple[str, ...] = ()
) -> list[ShownText]:
    """Return the segments of a text whose tokens arrive in groups of these sizes, up to the first stop string."""
    prompt_of = Prompt.of_text(tokenizer, prompt)
    text = CompletionText(tokenizer, prompt_of, stops, may_join=may_join(tokenizer.vocabulary))
    pieces = list(text_pieces(tokenizer, prompt_of.ids, ids))
    count = next((n for n in range(1, len(ids) + 1) if any(stop in "".join(pieces[:n]) for stop in stops)), len(ids))
    ending = "stop" if any(stop in "".join(pieces) for stop in stops) else "length"
    tokens = [TokenScore(token_id, -1.0, ((token_id, -1.0),)) for token_id in ids[:count]]
    found = []
    for size in sizes:
        if len(tokens) > size:
            found.append(text.add(tokens[:size]))
            tokens = tokens[size:]
    return [*found, text.add(tokens, ending)]  # type: ignore[arg-type]


@given(
    ids=st.lists(st.integers(0, len(TOKENS) - 1), min_size=1, max_size=25),
    sizes=st.lists(st.integers(1, 4), max_size=20),
    stops=st.sampled_from([(), ("ab",), ("b a", "aa"), ("\u0301",), (" ", "\n"), ("a\u0301b",)]),
    prompt=st.sampled_from(["", "a", "b ", "a\u0301"]),
)
def test_it_is_the_text_of_the_generator(ids: list[int], sizes: list[int], stops: tuple[str, ...], prompt: str) -> None:
    segments = shown(CHARACTERS, prompt, ids, sizes, stops)
    prompt_ids = CHARACTERS.encode_prompt(prompt)
    pieces = until_stop(text_pieces(CHARACTERS, prompt_ids, ids), stops)
    expected = "".join(after_prompt(CHARACTERS, prompt, pieces))
    assert "".join(segment.text for segment in segments) == expected
    for segment in segments:
        assert "".join(token.text for token in segment.tokens) == segment.text


@given(ids=st.lists(st.integers(0, 7), min_size=1, max_size=12), sizes=st.lists(st.integers(1, 3), max_size=8))
@pytest.mark.parametrize("prompt", ["", "He", "He ", "said, "])
def test_the_space_after_a_prompt_is_not_doubled(prompt: str, ids: list[int], sizes: list[int]) -> None:
    segments = shown(WORDS, prompt, ids, sizes)
    pieces = text_pieces(WORDS, WORDS.encode_prompt(prompt), ids)
    assert "".join(segment.text for segment in segments) == "".join(after_prompt(WORDS, prompt, pieces))


def test_a_part_never_ends_within_a_character() -> None:
    segments = shown(CHARACTERS, "", [2, 5, 5, 3, 6, 7, 8], [1] * 7)
    assert [segment.text for segment in segments if segment.text] == ["a\u0301\u0301", "b", "\U0001f1e9\U0001f1ea."]


def test_what_may_be_a_stop_string_is_held_back() -> None:
    segments = shown(WORDS, "", [2, 3, 4, 2, 7], [1] * 5, (" said, no",))
    assert [segment.text for segment in segments] == ["He", "", "", " said, He", " no"]


def test_a_token_is_cut_at_the_stop_string_and_the_others_dropped() -> None:
    (*_, last) = shown(WORDS, "", [2, 6, 3], [], (" said",))
    assert (last.text, [token.text for token in last.tokens]) == ("He -", ["He", " -"])


def test_the_end_is_not_shown() -> None:
    text = CompletionText(WORDS, Prompt.of_text(WORDS, "He"), (), may_join=False)
    assert text.add([TokenScore(3, -1.0), TokenScore(0, -2.0)], "end").text == " said"


def test_alternatives_are_named_by_their_text_and_include_the_token() -> None:
    text = CompletionText(WORDS, Prompt.of_text(WORDS, "He"), (), may_join=False)
    (token,) = text.add([TokenScore(3, -2.0, ((7, -0.5), (4, -1.0)))], "length").tokens
    assert token.top == {" no": -0.5, ",": -1.0, " said": -2.0}
    (token,) = text.add([TokenScore(5, -2.0, ((4, -1.0), (5, -2.0)))], "length").tokens
    assert token.top == {",": -2.0}


def test_the_first_token_of_a_prompt_has_no_log_probability() -> None:
    for prompt in (Prompt.of_text(WORDS, "He  said"), Prompt.of_ids(WORDS, [0, 2, 3])):
        scored = [TokenScore(token_id, -float(token_id), ((2, -1.0),)) for token_id in prompt.read[1:]]
        segment = shown_prompt(WORDS, prompt, scored)
        assert segment.text == prompt.text
        first, *others = segment.tokens
        assert (first.log_prob, first.top) == (None, None)
        assert [token.log_prob for token in others] == [-float(token_id) for token_id in prompt.ids[1:]]
    assert shown_prompt(WORDS, Prompt.of_text(WORDS, ""), []) == ShownText()
    assert shown_prompt(WORDS, Prompt.of_text(WORDS, "He"), None) == ShownText("He")
