"""What the tabs of the page compute without a model, in Node."""

import math
from typing import Any

import pytest


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
