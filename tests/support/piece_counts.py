"""How often each piece of a text occurs: what `cut_text` must count too."""

from collections import Counter
from collections.abc import Iterable

from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import pre_tokenizer, slices, tidy
from nextword.text.tokens.vocabulary import END


def count_pieces(whole: Iterable[str], kind: TokenizerKind) -> Counter[str]:
    """Return how often each piece occurs in segments, and `<eos>` once for each segment."""
    cut = pre_tokenizer(kind).pre_tokenize_str
    counts: Counter[str] = Counter()
    for segment in whole:
        counts[END] += 1
        for part in slices(tidy(segment, kind), kind):
            counts.update([piece for piece, _ in cut(part)])
    return counts
