"""The text of a prompt and of its completion, token by token: without stop strings, in whole characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from nextword.inference.generation.generated_text import (
    Ending,
    characters_of,
    partial_stop_length,
    piece_of,
    stop_position,
    text_pieces,
)
from nextword.serving.queue.batcher import TokenScore
from nextword.text.tokens.encoded_lines import TokenSpan, token_spans
from nextword.text.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Prompt:
    """A prompt, ready to be read."""

    ids: tuple[int, ...]
    # What the model reads: `<eos>` and the tokens; token lists that begin with `<eos>` have it already.
    read: tuple[int, ...]
    text: str
    is_text: bool  # whether it was sent as text

    @classmethod
    def of_text(cls, tokenizer: Tokenizer, text: str, *, is_complete: bool = False) -> "Prompt":
        """Return the prompt of a text.

        `is_complete` says that nothing is generated after it; its last mark is then one that ends a text.
        """
        ids = tuple(tokenizer.encode(text) if is_complete else tokenizer.encode_prompt(text))
        return cls(ids, (tokenizer.vocabulary.end_id, *ids), text, True)

    @classmethod
    def of_ids(cls, tokenizer: Tokenizer, ids: Sequence[int]) -> "Prompt":
        """Return the prompt of a list of tokens."""
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


class ShownToken(NamedTuple):
    """A token as the client sees it."""

    text: str  # its part of the text
    log_prob: float | None  # its log-probability; `None` for the first token of a prompt
    # The log-probabilities of the most probable tokens at its place and of itself, by text.
    top: dict[str, float] | None


class ShownText(NamedTuple):
    """A part of a text, with its tokens, whose texts together are the part's."""

    text: str = ""
    tokens: tuple[ShownToken, ...] = ()


def joined(parts: Sequence[ShownText]) -> ShownText:
    """Return several parts of a text as one."""
    return ShownText("".join(part.text for part in parts), tuple(token for part in parts for token in part.tokens))


class CompletionText:
    """Collects the tokens after a prompt, and gives out the text that is sure to be shown.

    A token is held back while it may be part of a stop string, or may be half of a character. So a part always ends
    with a whole token, and its tokens are known.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: Prompt, stops: Sequence[str], *, may_join: bool) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._may_join = may_join
        self._before = prompt.ids[-1] if prompt.ids else None
        self._held: list[tuple[str, int | None, TokenScore]] = []
        is_spaced = prompt.text[-1:].isspace() and tokenizer.kind != "character"
        self._dropped = " " if is_spaced else ""

    def add(self, tokens: Sequence[TokenScore], ending: Ending | None = None) -> ShownText:
        """Add tokens, and return the text that can be shown now; all of it at the end."""
        for token in tokens:
            piece = piece_of(self._tokenizer, self._before, token.token_id)
            self._held.append((piece, self._before, token))
            self._before = token.token_id
        if ending == "end":
            self._held.pop()
        text = "".join(piece for piece, _, _ in self._held)
        stop = stop_position(text, self._stops)
        if ending is not None:
            return self._shown(len(self._held), len(text) if stop is None else stop)
        return self._shown(self._num_sure(text), len(text))

    def _num_sure(self, text: str) -> int:
        """Return how many of the held tokens will be shown whatever follows."""
        sure = len(text) - partial_stop_length(text, self._stops)
        ends = list(accumulate(len(piece) for piece, _, _ in self._held))
        if self._may_join:
            *complete, _ = characters_of(text[:sure]) or [""]
            whole = {0, *accumulate(map(len, complete))}
            return max((count for count, end in enumerate(ends, 1) if end in whole), default=0)
        return sum(end <= sure for end in ends)

    def _shown(self, count: int, length: int) -> ShownText:
        """Return the first tokens that are held, cut to a number of characters."""
        shown, self._held = self._held[:count], self._held[count:]
        tokens, start = [], 0
        for piece, before, token in shown:
            part = piece[: max(0, length - start)]
            if part or not piece:
                visible = part.removeprefix(self._dropped)
                self._dropped = "" if part else self._dropped
                tokens.append(shown_token(self._tokenizer, before, token, visible))
            start += len(piece)
        return ShownText("".join(token.text for token in tokens), tuple(tokens))


def shown_token(tokenizer: Tokenizer, before: int | None, token: TokenScore, text: str) -> ShownToken:
    """Return a token as the client sees it; of tokens with the same text, this one or the most probable is shown."""
    top: dict[str, float] = {}
    for token_id, log_prob in token.top:
        name = text if token_id == token.token_id else piece_of(tokenizer, before, token_id)
        top.setdefault(name, log_prob)
    if token.top:
        top[text] = token.log_prob
    return ShownToken(text, token.log_prob, top or None)


def shown_prompt(tokenizer: Tokenizer, prompt: Prompt, scored: Sequence[TokenScore] | None) -> ShownText:
    """Return the prompt as the beginning of a text; its first token has no log-probability."""
    pieces = [] if scored is None else prompt.pieces(tokenizer)
    if scored is None or not pieces:
        return ShownText(prompt.text)
    known = scored[len(scored) - len(pieces) + 1 :]
    others = [
        shown_token(tokenizer, before, token, piece)
        for before, token, piece in zip(prompt.ids, known, pieces[1:], strict=False)
    ]
    return ShownText("".join(pieces), (ShownToken(pieces[0], None, None), *others))


def _end(tokenizer: Tokenizer, text: str, span: TokenSpan) -> int:
    """Return where the part of a token ends: after its characters, or after the end of its line or paragraph."""
    if span.token_id != tokenizer.vocabulary.end_id:
        return span.end
    if tokenizer.line_ends == "paragraph":
        return len(text) - len(text[span.end :].lstrip())
    return span.end + (2 if text.startswith("\r\n", span.end) else 1)
