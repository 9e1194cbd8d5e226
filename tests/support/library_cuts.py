"""How the `tokenizers` library cuts text: what nextword's own cutting must equal."""

import tokenizers
from tokenizers import Regex
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import PreTokenizer, Sequence, Split

from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import LONGEST_WORD
from nextword.text.tokens.vocabulary import UNKNOWN, Vocabulary

_WORD = r"\p{L}\p{M}\p{N}_"
_APOSTROPHE = r"'\x{2019}"
_PUNCTUATION = rf" ?(?:[^{_WORD}{_APOSTROPHE} ]|(?<![{_WORD}])[{_APOSTROPHE}]|[{_APOSTROPHE}](?![{_WORD}])) ?"
_BETWEEN_WORDS = rf"(?<=[{_WORD}]) (?=[{_WORD}])"
_IN_WORD = rf"(?:[{_WORD}]|(?<=[{_WORD}])[{_APOSTROPHE}](?=[{_WORD}]))"
_SPACED = rf" ?(?:{_IN_WORD}{{1,{LONGEST_WORD}}}|[^{_WORD} ]{{1,{LONGEST_WORD}}})"

PRE_TOKENIZERS: dict[TokenizerKind, PreTokenizer] = {
    "pretokenized": Split(" ", "removed"),
    "word": Sequence([Split(Regex(_PUNCTUATION), "isolated"), Split(Regex(_BETWEEN_WORDS), "removed")]),
    "subword": Split(Regex(_SPACED), "isolated"),
    "character": Split(Regex(r"[\s\S]"), "isolated"),
}


def library_pre_tokens(text: str, kind: TokenizerKind) -> list[str]:
    """Return the pre-tokens of a tidy text."""
    return [pre_token for pre_token, _ in PRE_TOKENIZERS[kind].pre_tokenize_str(text)]


def library_subwords(vocabulary: Vocabulary) -> tokenizers.Tokenizer:
    """Return a tokenizer that takes the longest tokens of a vocabulary."""
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
    most = LONGEST_WORD + 1
    model = WordPiece(ids, unk_token=UNKNOWN, continuing_subword_prefix="", max_input_chars_per_word=most)
    engine = tokenizers.Tokenizer(model)
    alphabet = "".join(f"\\x{{{ord(token):x}}}" for token in sorted({" ", *vocabulary.tokens}) if len(token) == 1)
    strangers = Split(Regex(f" ?[^{alphabet}]+"), "isolated")
    engine.pre_tokenizer = Sequence([strangers, PRE_TOKENIZERS["subword"]])
    return engine
