"""A request above a bound is refused with the name of the field and of the bound."""

import pytest

import nextword
from nextword.errors import TextError
from nextword.serving.http.errors import ApiError
from nextword.serving.routes.work import require_at_most, require_tokens
from nextword.serving.settings import ServingSettings
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

SETTINGS = ServingSettings(max_suggestions=10, max_prompt_tokens=4, max_scored_tokens=6)


def test_values_up_to_the_bound_pass() -> None:
    require_at_most(SETTINGS, "max_suggestions", "k", 10)
    with pytest.raises(
        ApiError, match=r"`k` must be at most 10, but is 11; .* set NEXTWORD_SERVE_MAX_SUGGESTIONS"
    ) as caught:
        require_at_most(SETTINGS, "max_suggestions", "k", 11)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, "k", "above_bound")


def test_tokens_of_all_texts_count() -> None:
    tokenizer = nextword.load("austen").tokenizer
    assert require_tokens(SETTINGS, tokenizer, "text", ["it is so, "]) == 5
    assert require_tokens(SETTINGS, tokenizer, "text", []) == 0
    with pytest.raises(ApiError, match="at most 4 tokens"):
        require_tokens(SETTINGS, tokenizer, "text", ["it is so, it"])
    assert require_tokens(SETTINGS, tokenizer, "lines", ["it is", "so it"], "max_scored_tokens") == 6
    with pytest.raises(ApiError, match="at most 6 tokens"):
        require_tokens(SETTINGS, tokenizer, "lines", ["it is", "so it is", "so"], "max_scored_tokens")


def test_a_text_that_the_tokenizer_refuses_is_its_error() -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>")))
    with pytest.raises(TextError, match="reserved"):
        require_tokens(SETTINGS, tokenizer, "text", ["a <eos>"])
