"""`site/js/tokenizer.js` in Node, beside the Python tokenizer, over odd Unicode texts."""

import random
from typing import Any

import pytest

from nextword.display.page.packed_model import word_character_ranges
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.pre_tokens import pre_tokens, tidy
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

_ODD = [
    *"abAB'\u2019-.,\"  \t\n\n\r é\u00df_1\u00bd()<>&=\u2014\u2026",
    *"\u0301\u200d\u00a0\x85\x1c\x1f\u2028\u3000\ufeff\u6f22\u5b57\u304b\U0001f642\U0001f469\u200d\U0001f467",
    *"\U0001f1e9\U0001f1ea\U0001d4b3\U00010400\u0130\u0131\u017f\ufb01\u0661\u0662\x0b\x0c\x07\u0600\u1680\u180e",
]
_PHRASES = [
    *("<unk>", "said, ", "don't ", " 'tis", " o\u2019clock ", "\r\n", "\n\n"),
    *("x" * 70, " " + "\u6f22" * 70, "--" * 40),
]

_ENCODED = """async ({ tokenizer, texts }, _, js) => {
  const made = new js.tokenizer.Tokenizer(tokenizer);
  return texts.map((text) => {
    const tokens = made.tokens(text);
    const ids = tokens.map((token) => token.id);
    const places = tokens.map(({ text: piece, start, end }) => [piece, text.slice(start, end)]);
    const decoded = [made.decode(ids), made.decode(ids.toReversed())];
    return { ids, prompt: made.encodePrompt(text), decoded, places };
  });
}"""


def described(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return a tokenizer as the header of a packed model has it."""
    return {
        "kind": tokenizer.kind,
        "line_ends": tokenizer.line_ends,
        "vocabulary": list(tokenizer.vocabulary.tokens),
        "word_characters": list(word_character_ranges()),
    }


def odd_text(draw: random.Random) -> str:
    parts = []
    for _ in range(draw.randrange(60)):
        kind = draw.random()
        if kind < 0.8:
            parts.append(draw.choice(_ODD))
        elif kind < 0.9:
            parts.append(draw.choice(_PHRASES))
        else:
            point = draw.randrange(1, 0x110000)
            parts.append(chr(point) if not 0xD800 <= point < 0xE000 else "A")
    return "".join(parts)


def tokenizer_of(texts: list[str], kind: TokenizerKind, line_ends: LineEnds, draw: random.Random) -> Tokenizer:
    """Return a tokenizer that knows most of the pieces of some texts."""
    pieces: dict[str, None] = {}
    for line in (line for text in texts for line in split_lines(text)):
        for piece in pre_tokens(tidy(line, kind), kind):
            pieces[piece] = None
            if kind == "subword":
                pieces |= dict.fromkeys([*piece, piece[:2], piece[1:4]])
            elif kind == "word" and len(piece) == 1:
                pieces[f"{piece} "] = None
    tokens = [piece for piece in pieces if piece and not {"\0", "\n", "\r"} & set(piece)]
    draw.shuffle(tokens)
    kept = [token for token in tokens if token not in ("<unk>", "<eos>")][: int(0.8 * len(tokens))]
    return Tokenizer(kind, line_ends, Vocabulary(("<unk>", "<eos>", *kept)))


@pytest.mark.parametrize(
    ("kind", "line_ends"),
    [
        ("pretokenized", "line"),
        ("word", "line"),
        ("word", "paragraph"),
        ("subword", "line"),
        ("subword", "paragraph"),
        ("character", "line"),
    ],
)
def test_odd_texts_are_encoded_as_in_python(kind: TokenizerKind, line_ends: LineEnds, scripts: Any) -> None:
    draw = random.Random(f"{kind} {line_ends}")
    texts = [odd_text(draw) for _ in range(300)]
    tokenizer = tokenizer_of(texts[:200], kind, line_ends, draw)
    found = scripts.run(_ENCODED, {"tokenizer": described(tokenizer), "texts": texts})
    for text, ours in zip(texts, found, strict=True):
        ids = tokenizer.encode(text)
        assert ours["ids"] == ids, repr(text)
        assert ours["prompt"] == tokenizer.encode_prompt(text), repr(text)
        assert ours["decoded"] == [tokenizer.decode(ids), tokenizer.decode(ids[::-1])], repr(text)
        for piece, written in ours["places"]:
            assert written == ("" if piece == "<eos>" else piece.strip(" ") or written), (repr(text), piece)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("pretokenized", "a <eos> b", "`<eos>` is reserved for line ends"),
        ("word", "a\ud800b", "half of a surrogate pair"),
    ],
)
def test_a_text_that_python_refuses_is_refused(kind: TokenizerKind, text: str, message: str, scripts: Any) -> None:
    tokenizer = described(Tokenizer(kind, "line", Vocabulary(("<unk>", "<eos>", "a"))))
    units = [int.from_bytes(pair, "big") for pair in _units(text)]  # JSON would replace half of a pair
    found = scripts.run(
        """async ({ tokenizer, units }, _, js) => {
          try {
            return new js.tokenizer.Tokenizer(tokenizer).tokens(String.fromCharCode(...units));
          } catch (error) {
            return `${error.name}: ${error.message}`;
          }
        }""",
        {"tokenizer": tokenizer, "units": units},
    )
    assert message in found


def _units(text: str) -> list[bytes]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [data[place : place + 2] for place in range(0, len(data), 2)]


def test_tokens_are_displayed_as_in_python(scripts: Any) -> None:
    tokens = ("<unk>", "<eos>", " ", ", ", "a\x07", "\u200b", "\U000e0001", "tab\t")
    tokenizer = Tokenizer("character", "line", Vocabulary(tokens))
    found = scripts.run(
        """async (tokenizer, _, js) => {
          const made = new js.tokenizer.Tokenizer(tokenizer);
          return made.pieces.map((_, id) => made.display(id));
        }""",
        described(tokenizer),
    )
    assert found == [tokenizer.display(token_id) for token_id in range(len(tokens))]
