"""The end of the word being typed."""

from nextword.engine.engine import Engine
from nextword.suggestion.session import SuggestionSession
from nextword.suggestion.session_options import SessionOptions
from nextword.suggestion.suggestion import Suggestion
from nextword.suggestion.user_words import UserWords
from nextword.text.tokenizer import Tokenizer

DEFAULT_OPTIONS = SessionOptions()


def complete(
    engine: Engine,
    tokenizer: Tokenizer,
    text: str,
    k: int = 5,
    *,
    user_words: UserWords | None = None,
    options: SessionOptions = DEFAULT_OPTIONS,
) -> list[Suggestion]:
    """Return the `k` most probable words for the one that `text` ends with; after a space, the next word.

    They are those of a `SuggestionSession` in which the text was typed; for one key after another, keep one.

    Args:
        engine: The model at work.
        tokenizer: The model's.
        text: What has been typed.
        k: How many to return; fewer where there are no more.
        user_words: Words of the person's own.
        options: How suggestions are made.

    Raises:
        SettingError: `k` is below 1.
        TextError: The text is refused by the tokenizer.
    """
    session = SuggestionSession(engine, tokenizer, user_words=user_words, options=options)
    session.type(text)
    return session.suggestions(k)
