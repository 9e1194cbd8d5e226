"""The prompt of a completion: its tokens, and the part of the text that each of them has."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nextword.inference.generation.pieces import text_pieces
from nextword.serving.routes.token_spans import TokenSpan, token_spans
from nextword.text.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Prompt:
    """A prompt, ready to be read.

    Attributes:
        ids: Its tokens.
        read: What the model reads: `<eos>` and the tokens. Token lists that begin with `<eos>` have it already.
        text: The prompt as text.
        is_text: Whether it was sent as text.
    """

    ids: tuple[int, ...]
    read: tuple[int, ...]
    text: str
    is_text: bool

    @classmethod
    def of_text(cls, tokenizer: Tokenizer, text: str, *, is_complete: bool = False) -> "Prompt":
        """Return the prompt of a text.

        Args:
            tokenizer: The tokenizer of the model.
            text: The text.
            is_complete: Whether nothing is generated after it; then its last mark is one that ends a text.

        Raises:
            TextError: The tokenizer refuses the text.
        """
        ids = tuple(tokenizer.encode(text) if is_complete else tokenizer.encode_prompt(text))
        return cls(ids, (tokenizer.vocabulary.end_id, *ids), text, True)

    @classmethod
    def of_ids(cls, tokenizer: Tokenizer, ids: Sequence[int]) -> "Prompt":
        """Return the prompt of a list of tokens.

        Raises:
            TextError: An id is outside the vocabulary.
        """
        end_id = tokenizer.vocabulary.end_id
        read = tuple(ids) if ids and ids[0] == end_id else (end_id, *ids)
        return cls(tuple(ids), read, tokenizer.decode(ids), False)

    def pieces(self, tokenizer: Tokenizer) -> list[str]:
        """Return the text of each token; together they are the text of the prompt.

        White space between two tokens belongs to the second, the end of a line to its `<eos>`.
        """
        decoded = list(text_pieces(tokenizer, [], self.ids))
        if not self.is_text or "".join(decoded) == self.text:
            return decoded
        ends = [_end(tokenizer, self.text, span) for span in token_spans(tokenizer, self.text)]
        if not ends or len(ends) != len(self.ids):
            return decoded
        cuts = [0, *ends[:-1], len(self.text)]
        return [self.text[start:end] for start, end in pairwise(cuts)]


def _end(tokenizer: Tokenizer, text: str, span: TokenSpan) -> int:
    """Return where the part of a token ends: after its characters, or after the end of its line or paragraph."""
    if span.token_id != tokenizer.vocabulary.end_id:
        return span.end
    if tokenizer.line_ends == "paragraph":
        return len(text) - len(text[span.end :].lstrip())
    return span.end + (2 if text.startswith("\r\n", span.end) else 1)
