r"""Writes n-gram models as ARPA files, which KenLM, SRILM and most decoders read.

```
\data\
ngram 1=4
ngram 2=2

\1-grams:
-0.7781513	</s>	0
-99	<s>	-0.30103
-0.60206	cat	-0.1760913
-0.9030900	<unk>	0

\2-grams:
-0.1249387	<s> cat
-0.2218487	cat </s>

\end\
```

Each entry is the log10 probability of a word after those before it, the n-gram, and the log10 backoff weight of the
n-gram as a context. An n-gram that the file lacks has the probability of the shorter one, times the weight of its
context. In an interpolated model this weight is the one that interpolation gives to the shorter context.
"""

import gzip
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path

import numpy as np

from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.errors import TextError
from nextword.system.files import replacing

_BEGIN, _END, _UNKNOWN = "<s>", "</s>", "<unk>"
_SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"  # written for a space inside a token, as SentencePiece does
_BLANKS = "\t\n\v\f\r\0"
_NEVER = -99.0  # the log10 probability that stands for zero


def write_arpa(path: Path, model: KneserNeyModel, words: Sequence[str], *, end_id: int) -> None:
    """Write a model as an ARPA file, packed with gzip if its name ends in `.gz`; `words` are those of `arpa_words`."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        packed = (
            gzip.GzipFile(path.name, "wb", compresslevel=6, fileobj=file, mtime=0) if path.suffix == ".gz" else None
        )
        for lines in _sections(model, words, end_id):
            (packed or file).write(lines.encode("utf-8"))
        if packed:
            packed.close()


def arpa_words(tokens: Sequence[str], *, end: str, unknown: str) -> list[str]:
    """Return the word of each token in an ARPA file, and `<s>`.

    Raises:
        TextError: A token cannot be a word of an ARPA file.
    """
    special = {end: _END, unknown: _UNKNOWN}
    words = [special.get(token) or token.replace(" ", _SPACE_MARK) for token in tokens]
    for token, word in zip(tokens, words, strict=True):
        if token in (_BEGIN, _END) or any(blank in word for blank in _BLANKS):
            raise TextError(
                f"a word of an ARPA file must hold no white space and not be `{_BEGIN}` or `{_END}`, but the text "
                f"holds the token {token!r}; remove it from the text"
            )
    if len(set(words)) < len(words):
        raise TextError(f"the tokens must not hold both spaces and `{_SPACE_MARK}`, which is written for a space")
    return [*words, _BEGIN]


def _sections(model: KneserNeyModel, words: Sequence[str], end_id: int) -> Iterator[str]:
    """Yield the parts of the file; the line end is `</s>` as a word that is predicted, and `<s>` as a context."""
    begin_id = len(words) - 1
    sizes = [len(words), *model.num_ngrams[1:]]  # with `<s>`
    yield "\\data\\\n" + "".join(f"ngram {length}={size}\n" for length, size in enumerate(sizes, start=1))
    numbers = np.arange(len(words))  # of the n-grams of one length in the file, by their numbers in the model
    texts = [""]
    for length, level in enumerate(model.entries(), start=1):
        contexts, last = numbers[level.contexts], level.tokens
        log10_probs, log10_weights = np.log10(level.probabilities), np.log10(level.weights)
        if length == 1:
            contexts, last = np.zeros(len(words), np.int64), np.append(last, begin_id)
            log10_probs, log10_weights = np.append(log10_probs, _NEVER), np.append(log10_weights, 0.0)
            log10_weights[[begin_id, end_id]] = log10_weights[[end_id, begin_id]]
        elif length == 2:
            contexts = np.where(contexts == end_id, begin_id, contexts)
        order = np.argsort(contexts * len(words) + last, kind="stable")
        numbers = np.empty_like(order)
        numbers[order] = np.arange(len(order))
        pairs = zip(contexts[order].tolist(), last[order].tolist(), strict=True)
        texts = [texts[context] + words[word] for context, word in pairs]
        yield f"\n\\{length}-grams:\n"
        is_longest = length == model.order
        ends = repeat("\n") if is_longest else (f"\t{weight:.8g}\n" for weight in log10_weights[order].tolist())
        yield from map("{:.8g}\t{}{}".format, log10_probs[order].tolist(), texts, ends)
        texts = [f"{text} " for text in texts]
    yield "\n\\end\\\n"
