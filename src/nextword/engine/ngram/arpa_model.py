"""An ARPA file as a text model: commands that take text can use it instead of a network."""

from pathlib import Path
from typing import override

import numpy as np

from nextword.engine.ngram.arpa import read_arpa
from nextword.engine.ngram.backoff_model import BEGIN, BackoffTokens
from nextword.engine.ngram.backoff_model import END as SENTENCE_END
from nextword.engine.ngram.engine import NgramModelEngine
from nextword.engine.text_model import TextModel
from nextword.text.spelling import SpellingModel
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import END, Vocabulary


def arpa_model(path: Path) -> TextModel:
    """Read an ARPA file as a text model whose tokens are words between spaces, with the scores of `nextword.kenlm`.

    Raises:
        TextError: The file cannot be read, or is not an ARPA file.
    """
    model = read_arpa(path)
    words = [number for number, word in enumerate(model.words) if word != BEGIN]
    tokens = (END if model.words[number] == SENTENCE_END else model.words[number] for number in words)
    vocabulary = Vocabulary(tuple(tokens))
    engine = NgramModelEngine(BackoffTokens(model, np.array(words)), end_id=vocabulary.end_id)
    return TextModel(engine, Tokenizer("pretokenized", "line", vocabulary, _Unspelled({})))


class _Unspelled(SpellingModel):
    """Charges nothing, because the `<unk>` of an ARPA file stands for one unknown word, not for all together."""

    @override
    def log_prob(self, word: str) -> float:
        return 0.0
