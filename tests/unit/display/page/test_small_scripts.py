"""What the page computes besides the engine: tabs, samples, spellings and readings, in Node."""

import dataclasses
import math
import random
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.display.page.packed_model import pack_model
from nextword.inference.generation.sampling import SamplingOptions, filtered, sample
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.suggestion.suggestion import suggest
from nextword.text.options import TokenizerKind
from nextword.text.tokens.spelling import SpellingModel
from support.packed import bundle_of_tokens, header_of, same_model


def test_percentages_are_those_of_the_command_line(scripts: Any) -> None:
    shares = [0, 0.00001, 0.0021, 0.0125, 0.76, 0.996, 0.99999, 1]
    found = scripts.run("async (shares, models, js) => shares.map(js.numbers.percent)", shares)
    assert found == ["0%", "< 0.01%", "0.21%", "1.3%", "76%", "99.6%", "> 99.9%", "100%"]


@pytest.mark.parametrize(
    ("before", "word", "after"),
    [
        ("I am very much ob", "obliged", "I am very much obliged "),
        ("I am very much ", "obliged", "I am very much obliged "),
        ("obliged ", ",", "obliged, "),
        ("he said (", "no", "he said (no "),
        ('he said "no ', '"', 'he said "no" '),
        ("he said ", '"', 'he said "'),
        ('he said "', "no", 'he said "no '),
        ('he said "no"', "and", 'he said "no" and '),
        ("no ", "\u2014", "no\u2014"),
        ("ELIZ", "Elizabeth", "Elizabeth "),
    ],
)
def test_a_suggestion_enters_the_text_with_the_spaces_it_needs(
    before: str, word: str, after: str, scripts: Any
) -> None:
    asked = "async ([before, word], models, js) => js.accept_word.withWord(before, word)"
    assert scripts.run(asked, [before, word]) == after


def test_what_a_browser_will_not_keep_is_remembered_until_the_page_is_left(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const denied = { get() { throw new Error("denied"); }, configurable: true };
          Object.defineProperty(globalThis, "localStorage", denied);
          js.memory.remember("words", '["Tolu"]');
          return [js.memory.rememberedValue("words"), js.memory.rememberedValue("others")];
        }"""
    )
    assert found == [["Tolu"], None]


def test_an_answer_that_a_newer_question_has_overtaken_is_dropped(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const waiting = [];
          const shown = [];
          const ask = () => new Promise((resolve, reject) => waiting.push({ resolve, reject }));
          const show = (...answer) => shown.push(answer);
          const asked = js.latest.latestOnly(0, ask, show, show);
          const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
          for (const text of ["I am ob", "I am obs", "I am obst"]) {
            asked(text);
            await turn();
          }
          waiting[2].resolve("late");
          await turn();
          waiting[0].resolve("too late");
          waiting[1].reject(new Error("too late"));
          await turn();
          return shown;
        }"""
    )
    assert found == [["late", "I am obst"]]


def test_only_known_words_with_letters_are_asked_for_in_the_game(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const token = (start, end, isUnknown) => ({ start, end, isUnknown, logProb: -1, alternatives: [] });
          const tokens = [token(0, 3, false), token(4, 13, true), token(14, 18, false), token(19, 23, false)];
          return js.game.askableWords("her Kowalczyk said 1812", tokens).map(({ word }) => word);
        }"""
    )
    assert found == ["her", "said"]


def test_a_word_in_quotes_is_asked_for_without_them(scripts: Any) -> None:
    found = scripts.run(
        """async (text, models, js) => {
          const token = { start: 0, end: text.length, isUnknown: false, logProb: -1, alternatives: [] };
          return js.game.askableWords(text, [token]).map(({ word }) => word);
        }""",
        "'Hello,' said the boys\u2019 aunt, \u2018don't\u2019",
    )
    assert found == ["Hello", "said", "the", "boys", "aunt", "don't"]


def test_the_player_has_a_distribution_and_gains_only_by_knowing_more(scripts: Any) -> None:
    model = {"table": 0.2, "chair": 0.5, "house": 0.3}
    asked = """async (bets, models, js) => bets.map(js.game.playerLogProb)"""
    bets = [
        {
            "isRight": word == "table",
            "sure": 0.5,
            "logProb": math.log(probability),
            "guessProbability": model["table"],
        }
        for word, probability in model.items()
    ]
    shares = [math.exp(value) for value in scripts.run(asked, bets)]
    assert shares == pytest.approx([0.5, 0.5 * 0.5 / 0.8, 0.5 * 0.3 / 0.8])
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is short.", "It is short."),
        ("She was here. He said no. They left the house.", "She was here. He said no."),
        ("a text without any mark that ends a sentence", "a text without any mark that"),
        ("x" * 50, "x" * 30),
    ],
)
def test_an_example_begins_with_whole_sentences_or_words(text: str, expected: str, scripts: Any) -> None:
    assert scripts.run("async (text, models, js) => js.example.beginningOf(text, 30)", text) == expected


def test_without_a_passage_the_model_writes_the_example(scripts: Any) -> None:
    asked = """async (description, models, js) => {
      const asked = [];
      const generate = async ({ maxTokens }) => (asked.push(maxTokens), { text: " It is so. " });
      return [await js.example.exampleText({ generate }, description), asked];
    }"""
    assert scripts.run(asked, {"passage": "It was. ", "unit": "word"}) == ["It was.", []]
    assert scripts.run(asked, {"passage": None, "unit": "word"}) == ["It is so.", [80]]
    assert scripts.run(asked, {"passage": None, "unit": "character"}) == ["It is so.", [400]]


_NOTHING_ASKED = {"text": None, "unit": None, "view": None, "scheme": None, "isBare": False}


@pytest.mark.parametrize(
    ("search", "asked"),
    [
        ("", {}),
        ("?text=She+was&unit=57&show=unit&scheme=dark&bare", {
            "text": "She was", "unit": 57, "view": "unit", "scheme": "dark", "isBare": True,
        }),
        ("?text=%3Cimg%20src=x%20onerror=alert(1)%3E", {"text": "<img src=x onerror=alert(1)>"}),
        ("?text=a&text=b&text", {"text": "a"}),
        ("?text=%ff%ed%a0%80", {"text": "\N{REPLACEMENT CHARACTER}" * 4}),
        ("?unit=-1&show=all&scheme=constructor", {}),
        ("?unit=1e3&show=&scheme=DARK", {}),
        ("?unit=12345678&bare=no", {"isBare": True}),
    ],
)  # fmt: skip
def test_an_address_chooses_what_the_page_begins_with(search: str, asked: dict[str, Any], scripts: Any) -> None:
    found = scripts.run("async (search, models, js) => js.parameters.parametersOf(search)", search)
    assert found == _NOTHING_ASKED | asked


@pytest.mark.parametrize(("text", "kept"), [("abc", "abc"), ("abcde", "abcd"), ("abc\N{GRINNING FACE}", "abc")])
def test_a_text_that_is_too_long_is_cut_between_characters(text: str, kept: str, scripts: Any) -> None:
    assert scripts.run("async (text, models, js) => js.parameters.fitting(text, 4)", text) == kept


def test_equal_seeds_give_equal_numbers_spread_evenly_from_0_to_1(scripts: Any) -> None:
    drawn = """(seeds, _, js) => seeds.map((seed) => {
      const random = js.sampling.randomNumbers(seed);
      return Array.from({ length: 2000 }, () => random());
    })"""
    first, second, other, new, newer = scripts.run(drawn, [1, 1, 2, None, None])
    assert first == second
    assert first != other
    assert new != newer
    assert 0 <= min(first) < max(first) < 1
    np.testing.assert_allclose(np.histogram(first, 10, (0, 1))[0], 200, atol=60)


_SAMPLED = """async ({ logProbs, options, numbers }, _, js) => {
  const left = js.sampling.filtered(Float32Array.from(logProbs), options);
  return { probabilities: [...left].map(Math.exp), ids: numbers.map((number) => js.sampling.sample(left, number)) };
}"""


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("top_p", [0.2, 0.9, 1.0])
def test_the_filters_are_those_of_python(temperature: float, top_p: float, scripts: Any) -> None:
    random = np.random.default_rng(7)
    logits = random.normal(scale=3, size=50)
    log_probs = (logits - np.log(np.exp(logits).sum())).astype(np.float32)
    numbers = random.random(40)
    options = {"temperature": temperature, "topP": top_p, "forbidden": [3, 4]}
    found = scripts.run(_SAMPLED, {"logProbs": log_probs.tolist(), "options": options, "numbers": numbers.tolist()})
    expected = filtered(log_probs, SamplingOptions(temperature=temperature, top_p=top_p), [3, 4])
    np.testing.assert_allclose(found["probabilities"], np.exp(expected), atol=1e-12)
    assert found["ids"] == [sample(expected, _Fixed(number)) for number in numbers]


class _Fixed(np.random.Generator):
    """Gives one number."""

    def __init__(self, number: float) -> None:
        super().__init__(np.random.PCG64())
        self._number = number

    def random(self, *_arguments: Any, **_options: Any) -> Any:
        return self._number


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


def test_a_predicted_mark_is_listed_once_with_the_probability_of_its_suggestion(
    scripts: Any, austen: Bundle, packed_austen: bytes
) -> None:
    """The vocabulary of the sample has tokens such as `.` and `. `, which are one mark."""
    found = scripts.run(
        """async (text, { model }, js) => {
          const engine = js.open(model);
          const reading = new js.reading.Reading(engine);
          await reading.read(text, 100);
          return reading.steps.at(-1).predicted;
        }""",
        "She was very much obliged to him for that",
        model=packed_austen,
    )
    expected = suggest(same_model(packed_austen, austen), "She was very much obliged to him for that", 5)
    assert [word["text"] for word in found] == [word.text for word in expected]
    assert [word["probability"] for word in found] == pytest.approx([word.probability for word in expected], rel=1e-3)
    assert len({word["text"] for word in found}) == 5
