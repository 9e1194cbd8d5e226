"""`site/js/unknown_word.js` in Node, beside the Python program."""

import dataclasses
import random
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.display.page.packed_model import pack_model
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.text.options import TokenizerKind
from nextword.text.tokens.spelling import SpellingModel
from support.packed import bundle_of_tokens, header_of, same_model

_ODD = [*"abcdefghijklmnopqrstuvwxyzAEZ'-019 .,\0_\u2019\u00e9\u6f22\U0001f642\U0001d4b3\U0010ffff"]

_SPELLED = """async (words, { model }, js) => {
  const { spelling } = js.packed_model.unpackModel(model);
  const unknown = new js.unknown_word.UnknownWord(spelling);
  return words.map((word) => unknown.logProb(word));
}"""


def odd_words(count: int) -> list[str]:
    draw = random.Random(7)
    return ["".join(draw.choices(_ODD, k=draw.randrange(1, 12))) for _ in range(count)]


def test_a_spelling_costs_what_it_does_in_python(scripts: Any, austen: Bundle, packed_austen: bytes) -> None:
    words = ["telephone", "zzyzx", "Kowalczyk", "walkked", "x" * 60, "... ", "__proto__", *odd_words(300)]
    found = scripts.run(_SPELLED, words, model=packed_austen)
    expected = [austen.tokenizer.speller.log_prob(word) for word in words]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_contexts_are_characters_and_not_units_of_utf_16(scripts: Any) -> None:
    spelling = SpellingModel.fit(["\U0001d4b3\U0001d4b3ab", "\U0001d4b3\U0001d4b3ac", "1\U0001d4b3", "1\U0001d4b3d"])
    bundle = bundle_of_tokens("a", kind="pretokenized")
    spelled = dataclasses.replace(bundle, tokenizer=dataclasses.replace(bundle.tokenizer, spelling=spelling))
    packed = pack_model(spelled)
    words = ["\U0001d4b3\U0001d4b3ab", "1\U0001d4b3", "\U0001d4b4", "b"]
    found = scripts.run(_SPELLED, words, model=packed)
    np.testing.assert_allclose(found, [spelling.log_prob(word) for word in words], rtol=0, atol=1e-6)


def test_a_model_without_a_spelling_model_gets_one_of_its_vocabulary() -> None:
    bundle = bundle_of_tokens("talked", "walked")
    assert bundle.tokenizer.spelling is None
    header = header_of(pack_model(bundle))
    assert header["spelling"]["followers"]["alke"] == ["d", [2], 1]


_SCORED = """async (text, { model }, js) => {
  const { tokens } = await new js.local_model.LocalModel(model).score(text);
  return tokens.map(({ text, logProb, rank, isUnknown }) => [text, logProb, rank, isUnknown]);
}"""


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword", "character"])
def test_unknown_tokens_of_every_kind_score_as_in_python(kind: TokenizerKind, scripts: Any) -> None:
    bundle = bundle_of_tokens(*"abcde ", " a", "ab", "cd", ", ", ".", kind=kind)
    packed = pack_model(bundle)
    line = "ab xyz, \U0001f642\U0001f642a \u2014 abxyz <unk> cd. q"
    (score,) = score_lines(same_model(packed, bundle), [line], ScoringOptions())
    found = scripts.run(_SCORED, line, model=packed)
    np.testing.assert_allclose([token[1] for token in found], score.log_probs, atol=1e-3)
    assert [token[2] for token in found] == [rank or None for rank in score.ranks.tolist()]
    assert [token[3] for token in found] == score.out_of_vocabulary.tolist()
    assert score.num_out_of_vocabulary > 2
