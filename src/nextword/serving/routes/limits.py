"""Checks of a request against the bounds of the service."""

from collections.abc import Iterable

from nextword.serving.http.errors import ApiError
from nextword.serving.settings import ServingSettings
from nextword.text.tokens.tokenizer import Tokenizer


def require_at_most(settings: ServingSettings, bound: str, param: str, value: int, unit: str = "") -> None:
    """Refuse a request whose field asks for more than a bound of the service.

    Args:
        settings: The bounds.
        bound: Name of the bound, a field of `ServingSettings`.
        param: The field of the request.
        value: What the field asks for, or how many items it has.
        unit: What is counted, such as "prompts".

    Raises:
        ApiError: The value is above the bound (400).
    """
    most = getattr(settings, bound)
    if value > most:
        raise ApiError(
            400,
            f"`{param}` must be at most {most:,}{unit and ' '}{unit}, but is {value:,}; ask for less, or set "
            f"{settings.variable(bound)}",
            param=param,
            code="above_bound",
        )


def require_tokens(
    settings: ServingSettings, tokenizer: Tokenizer, param: str, texts: Iterable[str], bound: str = "max_prompt_tokens"
) -> int:
    """Return how many tokens the texts have in all, and refuse a request with too many.

    Raises:
        ApiError: There are more than the bound (400).
        TextError: The tokenizer refuses a text.
    """
    most, count = getattr(settings, bound), 0
    for text in texts:
        count += len(tokenizer.encode(text)) + 1  # the end of the line is a token too
        if count > most + 1:
            raise ApiError(
                400,
                f"`{param}` must have at most {most:,} tokens, but has more; send it in parts, or set "
                f"{settings.variable(bound)}",
                param=param,
                code="above_bound",
            )
    return count
