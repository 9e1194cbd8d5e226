"""Text to token ids and back."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers.models import WordLevel

from nextword.errors import TextError, printable
from nextword.system import strict_json
from nextword.text.options import RUNNING_TEXT, LineEnds, TokenizerKind
from nextword.text.reading.lines import require_unicode, split_lines
from nextword.text.tokens.line_ends import MARKS, ends_open, segments
from nextword.text.tokens.pre_tokens import is_mark, is_opened, is_word_character, pre_tokenizer, slices, tidy
from nextword.text.tokens.spelling import SpellingModel
from nextword.text.tokens.subwords import subword_engine
from nextword.text.tokens.vocabulary import END, MAXIMUM_SIZE, UNKNOWN, Vocabulary

_BATCH = 2**18  # characters encoded at once, approximately

MAXIMUM_BYTES = 64 * 2**20
"""Most bytes of a `tokenizer.json`."""

_MAXIMUM_DEPTH = 16


@dataclass(frozen=True)
class Tokenizer:
    r"""A way to cut text and a vocabulary; wraps a `tokenizers.Tokenizer`.

    Decoding inverts encoding except for white space: `decode(encode(text)) == normalize(text, kind, line_ends)` if
    every pre-token is in the vocabulary. `nextword.text.tokens.pre_tokens` says how each kind cuts,
    `nextword.text.tokens.line_ends` where `<eos>` is.

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
        for batch in _batches(self._marked_slices(whole)):
            encodings = self._engine.encode_batch_fast([text for text, _ in batch], add_special_tokens=False)
            ids: list[int] = []
            for encoding, (_, is_last) in zip(encodings, batch, strict=True):
                ids += encoding.ids
                if is_last:
                    ids.append(self.vocabulary.end_id)
            yield np.array(ids, dtype=np.int32)

    def encode_units(self, units: Iterable[str]) -> Iterator[list[int]]:
        """Yield the subwords of each unit that `nextword.text.encoding.units` cuts a text into, without line ends."""
        for batch in _batches((unit, True) for unit in units):
            texts = [unit for unit, _ in batch]
            for encoding in self._engine.encode_batch_fast(texts, add_special_tokens=False):
                yield encoding.ids

    def cut(self, tidied: str) -> list[tuple[str, int]]:
        """Return the tokens of a tidy segment or a slice of one, each as written and as id."""
        if self.kind == "subword":
            encoding = self._engine.encode(tidied, add_special_tokens=False)
            written = [tidied[start:stop] for start, stop in encoding.offsets]
            return list(zip(written, encoding.ids, strict=True))
        cut = pre_tokenizer(self.kind).pre_tokenize_str
        return [(pre_token, self.vocabulary.id_of(pre_token)) for pre_token, _ in cut(tidied)]

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
        """Return the tokenizer as JSON, as the `tokenizers` library writes it."""
        return self._engine.to_str()

    @classmethod
    def from_json(cls, text: str, *, kind: TokenizerKind, line_ends: LineEnds) -> Self:
        """Rebuild a tokenizer from the vocabulary in a `tokenizer.json` of unknown origin.

        Raises:
            TextError: The file differs from what this kind of tokenizer with this vocabulary writes.
        """
        try:
            parsed = strict_json.parse(
                text.encode("utf-8"), max_bytes=MAXIMUM_BYTES, max_depth=_MAXIMUM_DEPTH, only_whole_numbers=True
            )
        except ValueError as error:
            raise TextError(f"tokenizer.json {error}") from error
        tokenizer = cls(kind, line_ends, vocabulary_of(parsed))
        if json.loads(tokenizer.to_json()) != parsed:
            raise TextError(
                f"tokenizer.json must be that of a {kind} tokenizer as tokenizers {tokenizers.__version__} writes it, "
                "but differs from it; it was written for another kind or by another version"
            )
        return tokenizer

    @cached_property
    def _engine(self) -> tokenizers.Tokenizer:
        if self.kind == "subword":
            return subword_engine(self.vocabulary)
        ids = {token: token_id for token_id, token in enumerate(self.vocabulary.tokens)}
        engine = tokenizers.Tokenizer(WordLevel(ids, unk_token=UNKNOWN))
        engine.pre_tokenizer = pre_tokenizer(self.kind)
        return engine

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

    def _marked_slices(self, whole: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Yield the slices of segments, each with whether it is the last of its segment."""
        for segment in whole:
            *earlier, last = slices(tidy(segment, self.kind), self.kind)
            yield from ((part, False) for part in earlier)
            yield last, True


def spelling_of(pre_tokens: Iterable[str], kind: TokenizerKind, vocabulary: Vocabulary) -> SpellingModel:
    """Return the spelling model of pre-tokens of a text. Unknown subwords are characters, so only these count there."""
    words = (pre_token for pre_token in vocabulary.tokens if len(pre_token) == 1) if kind == "subword" else pre_tokens
    return SpellingModel.fit(words, vocabulary.tokens)


def _batches(marked: Iterable[tuple[str, bool]]) -> Iterator[list[tuple[str, bool]]]:
    batch: list[tuple[str, bool]] = []
    num_characters = 0
    for part, is_last in marked:
        batch.append((part, is_last))
        num_characters += len(part) + 1
        if num_characters >= _BATCH:
            yield batch
            batch, num_characters = [], 0
    if batch:
        yield batch


def vocabulary_of(parsed: Any) -> Vocabulary:
    """Return the vocabulary of a parsed `tokenizer.json`.

    Raises:
        TextError: There is none, or its ids are not 0, 1, 2, ...
    """
    model = parsed.get("model") if isinstance(parsed, dict) else None
    ids = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(ids, dict):
        raise TextError("tokenizer.json must hold a table `vocab` in a table `model`, but does not")
    if len(ids) > MAXIMUM_SIZE:
        raise TextError(f"tokenizer.json must hold at most {MAXIMUM_SIZE:,} tokens, but holds {len(ids):,}")
    if any(type(token_id) is not int for token_id in ids.values()) or set(ids.values()) != set(range(len(ids))):
        raise TextError(f"the token ids of tokenizer.json must be 0 to {len(ids) - 1}, each once, but are not")
    return Vocabulary(tuple(sorted(ids, key=ids.__getitem__)))
