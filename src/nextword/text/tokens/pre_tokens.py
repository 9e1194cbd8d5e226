r"""Segments cut into pre-tokens. Each is one token if the vocabulary holds it; for subwords, one or more tokens.

Only one thing happens before a segment is cut: `tidy` collapses white space. The tokenizers of running text therefore
meet no other space than U+0020.

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
from unicodedata import category

from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.line_ends import MARKS, ends_open, segments

SLICE = 2**16
"""Characters that are cut at once, approximately."""

LONGEST_WORD = 64
"""Most characters of a subword pre-token that is a word."""

APOSTROPHES = "'\u2019"
"""Part of a word if they are between two of its characters."""


class _Classes(dict[int, str]):
    """The class of each character: `w` of a word, `'` an apostrophe, a space, or `.` for everything else."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        if character in APOSTROPHES or character == " ":
            found = " " if character == " " else "'"
        else:
            found = "w" if is_word_character(character) else "."
        self[point] = found
        return found


_CLASSES = _Classes()
_PATTERNS: dict[TokenizerKind, re.Pattern[str]] = {
    "word": re.compile(r" ?(?:\.|(?<!w)'|'(?!w)) ?|(?:w|(?<=w)'(?=w))+"),
    "subword": re.compile(rf" ?(?:(?:w|(?<=w)'(?=w)){{1,{LONGEST_WORD}}}|[.']{{1,{LONGEST_WORD}}})| "),
}
"""The pre-tokens of a text whose characters are replaced by their classes."""

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


def pre_tokens(segment: str, kind: TokenizerKind) -> list[str]:
    r"""Cut a tidy segment into pre-tokens; the space between two words is in none.

    Example:
        >>> pre_tokens('He said, "I don\'t--no."', "word")
        ['He', 'said', ', ', '"', 'I', "don't", '-', '-', 'no', '.', '"']
    """
    match kind:
        case "pretokenized":
            return list(filter(None, segment.split(" ")))
        case "character":
            return list(segment)
        case "word" | "subword":
            found = _PATTERNS[kind].finditer(segment.translate(_CLASSES))
            return [segment[match.start() : match.end()] for match in found]


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


def is_word_character(character: str) -> bool:
    """Return whether a character is part of a word for the word tokenizer: a letter, mark, digit or underscore.

    Characters that are newer than the Unicode tables of Python are not.

    Example:
        >>> [is_word_character(character) for character in "é7_,' "]
        [True, True, True, False, False, False]
    """
    return character == "_" or category(character)[0] in "LMN"


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
