"""All ways to cut a text, and tokenizers that know every piece of one."""

from collections import Counter
from collections.abc import Iterable

from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.pre_tokens import pre_tokens, segments, slices, tidy
from nextword.text.tokens.subwords import subword_vocabulary
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, Vocabulary

WITHOUT_SUBWORDS: list[tuple[TokenizerKind, LineEnds]] = [
    *(("pretokenized", "line"), ("word", "line"), ("word", "paragraph"), ("character", "line"))
]
WAYS: list[tuple[TokenizerKind, LineEnds]] = [*WITHOUT_SUBWORDS, ("subword", "line"), ("subword", "paragraph")]


def count_pieces(whole: Iterable[str], kind: TokenizerKind) -> Counter[str]:
    """Return how often each piece occurs in segments, and `<eos>` once for each segment."""
    counts: Counter[str] = Counter()
    for segment in whole:
        counts[END] += 1
        for part in slices(tidy(segment, kind), kind):
            counts.update(pre_tokens(part, kind))
    return counts


def tokenizer_of_text(text: str, kind: TokenizerKind = "word", line_ends: LineEnds = "line") -> Tokenizer:
    """Return a tokenizer with every piece of a text in its vocabulary."""
    counts = count_pieces(segments(split_lines(text), line_ends), kind)
    if kind == "subword":
        return Tokenizer(kind, line_ends, subword_vocabulary([counts], minimum_count=1, maximum_size=None))
    return Tokenizer(kind, line_ends, Vocabulary.from_counts(counts))
