r"""Segments cut into pre-tokens. Each is one token if the vocabulary holds it; for subwords, one or more tokens.

Pre-tokenizers of the `tokenizers` library make the cuts. `tokenizer.json` records them completely, so the same file
cuts the same way everywhere. Only one thing happens before them: `tidy` collapses white space. The tokenizers of
running text therefore meet no other space than U+0020.

```
pretokenized   He said , " no . "         |He|said|,|"|no|.|"|
word           He said, "I don't--no."    |He|said|, |"|I|don't|-|-|no|.|"|
subword        He said, "I don't--no."    |He| said|,| "|I| don't|--|no|."|
character      He said                    |H|e| |s|a|i|d|
```

A word is a run of letters, marks, digits and underscores, with apostrophes inside (`don't`, `o’clock`). Every other
character except the space is a pre-token of its own, with the spaces next to it. Only the space between two words is in
no pre-token; decoding puts it back. A pre-token of the subword tokenizer is a word or a row of marks, with the space
before it; `nextword.text.tokens.subwords` splits it into tokens.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from tokenizers import Regex
from tokenizers.pre_tokenizers import PreTokenizer, Sequence, Split

from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.line_ends import MARKS, ends_open, segments

SLICE = 2**16
"""Characters passed to the library at once, approximately."""

LONGEST_WORD = 64
"""Most characters of a subword pre-token that is a word; matching takes time quadratic in its length."""

_WORD = r"\p{L}\p{M}\p{N}_"
_APOSTROPHE = r"'\x{2019}"
_PUNCTUATION = rf" ?(?:[^{_WORD}{_APOSTROPHE} ]|(?<![{_WORD}])[{_APOSTROPHE}]|[{_APOSTROPHE}](?![{_WORD}])) ?"
_BETWEEN_WORDS = rf"(?<=[{_WORD}]) (?=[{_WORD}])"
_IN_WORD = rf"(?:[{_WORD}]|(?<=[{_WORD}])[{_APOSTROPHE}](?=[{_WORD}]))"
_SPACED = rf" ?(?:{_IN_WORD}{{1,{LONGEST_WORD}}}|[^{_WORD} ]{{1,{LONGEST_WORD}}})"

_IRREGULAR_ASCII_SPACES = re.compile(r"[\t\x0b\x0c ]{2,}|[\t\x0b\x0c]")
_IRREGULAR_SPACES = re.compile(r"\s{2,}|[^\S ]")

_SAFE_CUTS: dict[TokenizerKind, re.Pattern[str]] = {
    "pretokenized": re.compile(" "),
    "word": re.compile("(?<=[A-Za-z0-9]) (?=[A-Za-z0-9])"),
    "subword": re.compile("(?<=[A-Za-z0-9])(?= [A-Za-z0-9])"),
    "character": re.compile(""),
}
"""Where a tidy segment may be cut, with the match removed, without changing its pre-tokens."""

_BRACKETS = "([{\u00ab"
_QUOTES = "\"'\u2018\u201c"

APOSTROPHES = "'\u2019"
"""Part of a word if they are between two of its characters."""


@cache  # it compiles regular expressions, which takes milliseconds
def pre_tokenizer(kind: TokenizerKind) -> PreTokenizer:
    """Return the pre-tokenizer that cuts a tidy segment into pre-tokens."""
    match kind:
        case "pretokenized":
            return Split(" ", "removed")
        case "word":
            return Sequence([Split(Regex(_PUNCTUATION), "isolated"), Split(Regex(_BETWEEN_WORDS), "removed")])
        case "subword":
            return Split(Regex(_SPACED), "isolated")
        case "character":
            return Split(Regex(r"[\s\S]"), "isolated")


def tidy(segment: str, kind: TokenizerKind) -> str:
    r"""Return a segment without the white space that its tokenizer drops.

    - pretokenized: runs of white space, as `bytes.split` sees it (space, tab, `\x0b`, `\x0c`), become one space, and
      the ends are stripped. A no-break space is part of its token.
    - word, subword: runs of white space, as `str.isspace` sees it, become one space, and the ends are stripped.
    - character: nothing is changed.
    """
    match kind:
        case "pretokenized":
            return _IRREGULAR_ASCII_SPACES.sub(" ", segment).strip(" ")
        case "word" | "subword":
            return _IRREGULAR_SPACES.sub(" ", segment).strip(" ")
        case "character":
            return segment


def normalize(text: str, kind: TokenizerKind = "word", line_ends: LineEnds = "line") -> str:
    r"""Return a text as decoding gives it back.

    Encoding loses nothing else: `decode(encode(text)) == normalize(text, kind, line_ends)` for every text whose
    pre-tokens are all in the vocabulary. The rules:

    - `\r\n` and lone `\r` become `\n`. No other character ends a line.
    - With `line_ends = "paragraph"`, lines are joined by a space until a blank line, runs of blank lines become one,
      and those before the first word are dropped.
    - Within a line or paragraph, white space changes as `tidy` says.

    There is no Unicode normalization and no lower-casing.

    Example:
        >>> normalize("It  is\ta truth \r\n")
        'It is a truth\n'
    """
    lines = split_lines(text)
    tidied = [tidy(segment, kind) for segment in segments(lines, line_ends)]
    if not ends_open(lines, line_ends):
        tidied.append("")
    return MARKS[line_ends].join(tidied)


def slices(text: str, kind: TokenizerKind, size: int = SLICE) -> Iterator[str]:
    """Cut a tidy segment, or several with their ends, into slices of about `size` characters; no pre-token is cut.

    The library needs some hundred bytes for each token passed at once, and a line may be as long as a file.
    """
    start = 0
    while len(text) - start > size:
        stop = resume = text.find("\n", start + size, start + 2 * size) + 1
        if not stop:
            match = _SAFE_CUTS[kind].search(text, start + size)
            if match is None:
                break
            stop, resume = match.span()
        yield text[start:stop]
        start = resume
    yield text[start:]


@lru_cache(maxsize=2**14)
def is_word_character(character: str) -> bool:
    """Return whether a character is part of a word for the word tokenizer: a letter, mark, digit or underscore.

    The tokenizer itself decides, because its Unicode tables may differ from those of Python.

    Example:
        >>> [is_word_character(character) for character in "é7_,' "]
        [True, True, True, False, False, False]
    """
    return [pre_token for pre_token, _ in pre_tokenizer("word").pre_tokenize_str(f"a {character}")] == ["a", character]


def trailing_word(text: str) -> str:
    """Return the word at the end of a text, which may be incomplete; empty if there is none.

    An apostrophe right after a word counts as part of it, because `don'` may become `don't`.

    Example:
        >>> [trailing_word(text) for text in ("I don'", "said 'th", "well, ", "well-kn")]
        ["don'", 'th', '', 'kn']
    """
    start = len(text)
    while start and (is_word_character(text[start - 1]) or _joins(text, start - 1)):
        start -= 1
    return text[start:]


def is_mark(pre_token: str) -> bool:
    """Return whether a pre-token of the word tokenizer is a mark rather than a word."""
    return not is_word_character(pre_token[0])


def is_opened(text: str) -> bool:
    """Return whether a text ends with an opening bracket or quote, which no space follows.

    Example:
        >>> [is_opened(text) for text in ("(", 'said, "', 'no."', "")]
        [True, True, False, False]
    """
    before, last = list(f"  {text}"[-2:])
    return last in _BRACKETS or (last in _QUOTES and (before.isspace() or before in _BRACKETS))


def _joins(text: str, place: int) -> bool:
    """Return whether an apostrophe is after a word, and before another of its characters or the end."""
    if text[place] not in APOSTROPHES or place == 0 or not is_word_character(text[place - 1]):
        return False
    return place + 1 == len(text) or is_word_character(text[place + 1])
