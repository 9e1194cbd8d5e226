"""Shallow fusion: a language model helps a recognizer while it decodes, and the word error rate falls.

    python examples/ctc/shallow_fusion.py                     # a trigram model of the train split, fitted in seconds
    python examples/ctc/shallow_fusion.py --model runs/demo   # a model of yours

Both need jiwer, which `nextword[all]` has.

An artificial acoustic model "hears" the short paragraphs of the Austen sample's test split:
for each character it gives a distribution over all of them, in which characters that sound alike are probable too, and
noise drawn by a seed decides how much. Its output has the shape of a CTC network's, and the same beam search decodes it
twice: by sound alone, and with the language model.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from numpy.typing import NDArray

import nextword
from ctc_beam_search import BLANK, CtcOptions, ctc_beam_search
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.methods.ngram import NgramEngine
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.text_model import TextModel
from nextword.errors import NextwordError
from nextword.inference.decoders.word_model import WordModel
from nextword.text.batching.window import TokenIds
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from nextword.text.reading.reader import LineReader
from nextword.text.sources.find import resolve_source
from nextword.text.tokens.line_ends import segments

SOUND_ALIKE = ("aeiou", "bdpt", "ckgq", "fvw", "mn", "szx", "lr", "jy", ".,", "!?", ";:", "\"'")
LONGEST = 60
"""Characters of the longest paragraph that is decoded."""


class UniformEngine(DistributionEngine):
    """A uniform model: every token is equally probable. An n-gram model around it then decides alone."""

    def start(self, batch_size: int) -> State:
        """Return an empty state."""
        return np.zeros((batch_size, 0))

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Give each token the probability 1 / V."""
        shape = (*inputs.shape, self.vocabulary_size)
        return WindowPrediction(np.full(shape, -np.log(self.vocabulary_size), np.float32), None), state


def trigram_model() -> WordModel:
    """Fit a Kneser-Ney model of order 3 to the train split of the sample."""
    corpus = Corpus.load("austen")
    size, end_id = corpus.tokenizer.vocabulary_size, corpus.tokenizer.vocabulary.end_id
    ngrams = KneserNeyModel.fit(np.asarray(corpus.train.ids), 3, vocabulary_size=size, end_id=end_id)
    uniform = UniformEngine(vocabulary_size=size, end_id=end_id)
    return WordModel(TextModel(NgramEngine(uniform, ngrams, weight=1.0), corpus.tokenizer))


def stored_model(path: Path) -> WordModel:
    """Open the model of a run or a bundle."""
    model = nextword.load(path)
    return WordModel(model)


def short_paragraphs(count: int) -> list[str]:
    """Return the first short paragraphs of the sample's test split."""
    part = resolve_source("austen", TextOptions(), needed=("test",)).parts["test"]
    paragraphs = (" ".join(paragraph.split()) for paragraph in segments(iter(LineReader(part)), "paragraph"))
    spoken = (paragraph for paragraph in paragraphs if not paragraph.startswith("Chapter"))
    return [paragraph for paragraph in spoken if len(paragraph) <= LONGEST][:count]


def hear(line: str, alphabet: Sequence[str], noise: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return log-probabilities `(T, C)` like a CTC network's: a frame for each character, and a blank after it."""
    labels = {character: label for label, character in enumerate(alphabet)}
    logits = noise * random.normal(size=(2 * len(line), len(alphabet)))
    for place, character in enumerate(line):
        alike = {other for group in SOUND_ALIKE if character.lower() in group for other in (*group, *group.upper())}
        logits[2 * place, [labels[other] for other in alike if other in labels]] += 3.0
        logits[2 * place, labels[character]] += 4.0 if alike else 6.0
        logits[2 * place + 1, labels[BLANK]] += 8.0
    normalized: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return normalized


def decoded(
    heard: Sequence[NDArray[np.float64]], alphabet: Sequence[str], model: WordModel | None, options: CtcOptions
) -> Iterator[str]:
    """Yield the best text of each line."""
    for log_probs in heard:
        yield ctc_beam_search(log_probs, alphabet, model, options)[0].text


def main(arguments: Sequence[str] | None = None) -> tuple[float, float]:
    """Decode, print the results, and return the word error rates without and with the model."""
    given = _parsed(arguments)
    lines = short_paragraphs(given.lines)
    alphabet = [BLANK, *sorted(set("".join(lines)) | {" "})]
    random = np.random.default_rng(given.seed)
    heard = [hear(line, alphabet, given.noise, random) for line in lines]
    model = trigram_model() if given.model is None else stored_model(given.model)
    options = CtcOptions(alpha=given.alpha, beta=given.beta, beam_size=given.beam_size)
    by_sound = list(decoded(heard, alphabet, None, options))
    fused = list(decoded(heard, alphabet, model, options))
    for line, without, with_model in zip(lines[: given.show], by_sound, fused, strict=False):
        print(f"said        {line}\nsound alone {without}\nwith model  {with_model}\n")
    rates = jiwer.wer(lines, by_sound), jiwer.wer(lines, fused)
    print(f"{len(lines)} lines, word error rate: {rates[0]:.1%} by sound alone, {rates[1]:.1%} with the model")
    return rates


def _parsed(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a run or a bundle; without it, a trigram model is fitted")
    parser.add_argument("--lines", type=int, default=40, help="how many lines are decoded (40)")
    parser.add_argument("--noise", type=float, default=1.5, help="how badly they are heard (1.5)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the noise (1)")
    parser.add_argument("--alpha", type=float, default=0.7, help="weight of the model's log-probability (0.7)")
    parser.add_argument("--beta", type=float, default=2.0, help="what each word adds (2)")
    parser.add_argument("--beam-size", type=int, default=24, help="texts that are kept after each frame (24)")
    parser.add_argument("--show", type=int, default=3, help="how many lines are shown (3)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        main()
    except NextwordError as error:
        print(f"shallow_fusion: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
