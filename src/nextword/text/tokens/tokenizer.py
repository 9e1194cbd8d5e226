"""Text to token ids and back."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.errors import TextError, printable
from nextword.system import strict_json
from nextword.text.options import RUNNING_TEXT, LineEnds, TokenizerKind
from nextword.text.reading.lines import require_unicode, split_lines
from nextword.text.tokens.pre_tokens import (
    MARKS,
    ends_open,
    is_mark,
    is_opened,
    is_word_character,
    pre_tokens,
    segments,
    slices,
    tidy,
)
from nextword.text.tokens.spelling import SpellingModel
from nextword.text.tokens.subwords import SubwordCutter
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary

FILE = "vocabulary.json"
"""The file that `Tokenizer.to_json` is the content of."""

_FORMAT = 1
_MAX_BYTES = 64 * 2**20
_MAX_IDS = 2**16  # ids of an array of `encode_segments`, approximately


@dataclass(frozen=True)
class Tokenizer:
    r"""A way to cut text and a vocabulary.

    Decoding inverts encoding except for white space: `decode(encode(text)) == normalize(text, kind, line_ends)` if
    every pre-token is in the vocabulary. `nextword.text.tokens.pre_tokens` says how each kind cuts and where
    `<eos>` is.

    Args:
        kind: How a line or paragraph is cut into pre-tokens.
        line_ends: Whether `<eos>` ends each line or each paragraph; paragraphs need the kind "word" or "subword".
        vocabulary: The tokens. A pre-token that is not one of them becomes `<unk>`.
        spelling: What the spelling of an unknown pre-token costs (default: a model of the vocabulary's tokens). The
            content of its file is checked and read when it is first needed.

    Example:
        >>> tokens = ("<eos>", "It", "is", "so", ", ", "he", "said", ".", "<unk>")
        >>> tokenizer = Tokenizer("word", "line", Vocabulary(tokens))
        >>> tokenizer.encode("It is  so, he said.\nIt")
        [1, 2, 3, 4, 5, 6, 7, 0, 1]
        >>> tokenizer.decode([1, 2, 3, 4, 5, 6, 7, 0, 1])
        'It is so, he said.\nIt'
    """

    kind: TokenizerKind
    line_ends: LineEnds
    vocabulary: Vocabulary
    spelling: SpellingModel | bytes | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.line_ends == "paragraph" and self.kind not in RUNNING_TEXT:
            raise TextError(f'`line_ends` must be "line" for the {self.kind} tokenizer, but is "paragraph"')

    def __repr__(self) -> str:
        return f"Tokenizer({self.kind!r}, {self.summary}, <eos> ends a {self.line_ends})"

    @property
    def summary(self) -> str:
        """The size of the vocabulary and its unit, such as `9,878 words`."""
        unit = "words" if self.kind in ("pretokenized", "word") else f"{self.kind}s"
        return f"{self.vocabulary_size:,} {unit}"

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens in the vocabulary."""
        return len(self.vocabulary)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of everything that determines how text is encoded."""
        return hashlib.sha256("\0".join([self.kind, self.line_ends, self.to_json()]).encode("utf-8")).hexdigest()

    @cached_property
    def speller(self) -> SpellingModel:
        """The spelling model: `spelling`, or a model of the vocabulary's own tokens."""
        if isinstance(self.spelling, bytes):
            return SpellingModel.from_json(self.spelling)
        return self.spelling or spelling_of(self.vocabulary.tokens, self.kind, self.vocabulary)

    @property
    def spelling_json(self) -> bytes | None:
        """The content of the file of `spelling`, if there is one."""
        return self.spelling.to_json() if isinstance(self.spelling, SpellingModel) else self.spelling

    def unknown_id_in(self, num_out_of_vocabulary: int) -> int | None:
        """Return the id that stands for unknown words in a text; `None` if the text is pretokenized and writes it."""
        is_written = self.kind == "pretokenized" and not num_out_of_vocabulary
        return None if is_written else self.vocabulary.unknown_id

    def spelling_log_probs(self, tokens: Iterable[tuple[str, int]]) -> list[float]:
        r"""Return what `cut` has made of a text as costs: $\ln p(\text{spelling} \mid \text{unknown})$, 0 if known.

        An `<unk>` that is written in pretokenized text is a token of the vocabulary.
        """
        unknown = self.vocabulary.unknown_id
        return [
            self.speller.log_prob(pre_token) if token_id == unknown and pre_token != UNKNOWN else 0.0
            for pre_token, token_id in tokens
        ]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, with `<eos>` for each line or paragraph end but none after the last line.

        Raises:
            TextError: The text holds half of a surrogate pair, or is pretokenized and holds `<eos>` as a token.
        """
        require_unicode(text)
        lines = split_lines(text)
        if self.kind == "pretokenized" and any(END in tidy(line, self.kind).split(" ") for line in lines):
            raise TextError(f"`{END}` is reserved for line ends, but is in the text; write a line end instead")
        ids = list(chain.from_iterable(ids.tolist() for ids in self.encode_segments(segments(lines, self.line_ends))))
        return ids[:-1] if ends_open(lines, self.line_ends) else ids

    def encode_prompt(self, text: str) -> list[int]:
        r"""Return the ids of a text that is to be continued.

        They are those of `encode`, except for punctuation at the end of running text: its token depends on whether a
        space follows. A space follows if the text ends with white space. If it does not, the more frequent of the two
        tokens is taken, if the vocabulary holds it, but no space after an opening quote or bracket. So `"said,"`
        continues with the next word as `"said, "` does, and `"It is a "` is the same as `"It is a"`.
        """
        ids = self.encode(text)
        if self.kind == "word" and ids and ids[-1] != self.vocabulary.end_id:
            *_, last = segments(split_lines(text), self.line_ends)
            *_, (pre_token, _) = self.cut(tidy(last, self.kind)[-3:])  # of a word, only its end
            _, ids[-1] = self.continued(text, pre_token, ids[-1])
        return ids

    def continued(self, text: str, pre_token: str, token_id: int) -> tuple[str, int]:
        """Return the last pre-token of a text that is to be continued, with its space if one follows, and its token."""
        spaced, unknown_id = self.vocabulary.id_of(f"{pre_token} "), self.vocabulary.unknown_id
        is_usual = spaced < token_id or token_id == unknown_id
        is_spaced = text[-1].isspace() or (is_usual and not is_opened(text))
        if is_mark(pre_token) and spaced != unknown_id and is_spaced:
            return f"{pre_token} ", spaced
        return pre_token, token_id

    def encode_segments(self, whole: Iterable[str]) -> Iterator[NDArray[np.int32]]:
        """Yield the ids of lines or paragraphs, each ended by `<eos>`, in arrays of bounded size `(T,)`.

        An array may begin or end within a segment.
        """
        ids: list[int] = []
        for segment in whole:
            for part in slices(tidy(segment, self.kind), self.kind):
                if self.kind == "subword":
                    ids += (token_id for _, token_id in self._subwords.cut(part))
                else:
                    ids += self.vocabulary.ids_of(pre_tokens(part, self.kind))
                if len(ids) >= _MAX_IDS:
                    yield np.array(ids, np.int32)
                    ids = []
            ids.append(self.vocabulary.end_id)
        if ids:
            yield np.array(ids, np.int32)

    def cut(self, tidied: str) -> list[tuple[str, int]]:
        """Return the tokens of a tidy segment or a slice of one, each as written and as id."""
        if self.kind == "subword":
            return self._subwords.cut(tidied)
        return [(pre_token, self.vocabulary.id_of(pre_token)) for pre_token in pre_tokens(tidied, self.kind)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids. The text of a longer list begins with the text of a shorter one.

        White space between two tokens belongs to the second one. So the text of `", "` ends with the comma, and its
        space comes with the next word. A line neither begins nor ends with the space of a mark.

        Raises:
            TextError: An id is outside the vocabulary.
        """
        parts: list[str] = []
        previous = self.vocabulary.end_id
        for token_id in map(int, ids):
            if token_id == self.vocabulary.end_id:
                parts.append(MARKS[self.line_ends])
            else:
                token = self.vocabulary.token_of(token_id)
                written = token.strip(" ") if self.kind in RUNNING_TEXT else token
                parts.append(f" {written}" if self._has_space_between(previous, token_id) else written)
            previous = token_id
        return "".join(parts)

    def display(self, token_id: int) -> str:
        r"""Return a token for display: without spaces around it, and without control characters.

        White space alone is shown as `␣`, an unprintable character as its escape.
        """
        return printable(self.vocabulary.token_of(token_id).strip(" ") or "␣")

    def to_json(self) -> str:
        """Return the vocabulary as JSON: the tokens in the order of their ids."""
        content = {"format": _FORMAT, "kind": self.kind, "tokens": self.vocabulary.tokens}
        return json.dumps(content, ensure_ascii=False, indent=0)

    @classmethod
    def from_json(cls, text: str, *, kind: TokenizerKind, line_ends: LineEnds) -> Self:
        """Rebuild a tokenizer from a `vocabulary.json` of unknown origin.

        Raises:
            TextError: The file is too large, or is not what `to_json` of this kind of tokenizer writes.
        """
        try:
            content = strict_json.parse(text.encode("utf-8"), max_bytes=_MAX_BYTES, max_depth=2)
            if not isinstance(content, dict) or content.keys() != {"format", "kind", "tokens"}:
                raise ValueError("must hold format, kind and tokens, and nothing else")
            if type(content["format"]) is not int or content["format"] != _FORMAT:
                raise ValueError(f"must be of format {_FORMAT}, but is of {content['format']!a:.40}")
            if content["kind"] != kind:
                raise ValueError(f"must be that of a {kind} tokenizer, but is that of {content['kind']!a:.40}")
            tokens = content["tokens"]
            if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
                raise ValueError("must give `tokens` as a list of strings")
        except ValueError as error:
            raise TextError(f"`{FILE}` {error}") from error
        return cls(kind, line_ends, Vocabulary(tuple(tokens)))

    @cached_property
    def _subwords(self) -> SubwordCutter:
        return SubwordCutter(self.vocabulary)

    def _has_space_between(self, before: int, after: int) -> bool:
        if self.kind == "character" or before == self.vocabulary.end_id:
            return False
        first, second = self.vocabulary.token_of(before), self.vocabulary.token_of(after)
        if first.endswith(" ") or second.startswith(" "):
            return second != " "  # a space alone is written with the token after it
        are_words = self._is_word(before, first[-1]) and self._is_word(after, second[0])
        return self.kind == "pretokenized" or (self.kind == "word" and are_words)

    def _is_word(self, token_id: int, character: str) -> bool:
        return token_id == self.vocabulary.unknown_id or is_word_character(character)


def spelling_of(pre_tokens: Iterable[str], kind: TokenizerKind, vocabulary: Vocabulary) -> SpellingModel:
    """Return the spelling model of pre-tokens of a text. Unknown subwords are characters, so only these count there."""
    words = (pre_token for pre_token in vocabulary.tokens if len(pre_token) == 1) if kind == "subword" else pre_tokens
    return SpellingModel.fit(words, vocabulary.tokens)
