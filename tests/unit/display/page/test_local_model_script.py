"""`site/js/local_model.js` in Node, beside the Python program on the same rounded weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import CurvePoint, PageFacts, card_elements, curve_chart
from nextword.engine.text_model import TextModel
from nextword.inference.generation.generator import Request, stream_text
from nextword.inference.generation.sampling import SamplingOptions
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.suggestion.session import SuggestionSession, complete
from nextword.inference.suggestion.suggestion import Suggestion, suggest
from nextword.serving.served_model import ServedModel
from nextword.text.options import TokenizerKind
from support.packed import bundle_of_tokens, mixed, same_model
from support.text_service import answered, service_of

SENTENCES = (
    *("", "I am very much ", "I am very much obl", "She said, ", "She said,", 'He said. "', 'He said, "'),
    *("Mr. Zylberg and Mr. Zy", "Zylberg was there. THE", "It was Zylberg, and not ", "It is a truth\n"),
    *("It is a truth\n\nun", "ELIZABETH and el", "don'", "xqzv"),
)
TYPED = (
    *("", "The", "the ", "the th", "She sat on a", "the cat. ", 'the cat. "', "a Qat and a Q", "he\n", "Th", "a-"),
    *("I don't ", "I don'", "don't", 'no, "I', 'no, "', 'no" ', "no--", "no--I ", "O\u2019c", "Tom's "),
    *("o\u2019clock ", "ca\u2019", "can\u2019"),
)
"""Sentences, quotes and dashes as they are typed."""

LETTERS = tuple("abcdehinorst'., ")
SUBWORDS = (*LETTERS, "th", " th", "the", " the", " a", " s", "ing", "er", " he", "re")
WORDS = ("the", "cat", "sat", "on", ", ", ".", ". ", '" ', ' "', "mat", "dog", "and", "Zoo", "1st", "-")
CURLY_WORDS = (
    *("I", "don\u2019t", "Don\u2019t", "o'clock", " \u201c", "\u201c", "\u201d", "\u201d ", "\u2014", "-"),
    *("know", ", ", "no", "can't"),
)
CURLY_LETTERS = tuple(dict.fromkeys("".join(CURLY_WORDS)))
CURLY_SUBWORDS = (*CURLY_LETTERS, " I", "don", "\u2019t", " don", "\u2019" * 2, "cl", " o'c")


@pytest.fixture(scope="module")
def austen_model(austen: Bundle, packed_austen: bytes) -> TextModel:
    return same_model(packed_austen, austen)


_SUGGESTED = """async ({ texts, complete, k }, { model }, js) => {
  const local = new js.local_model.LocalModel(model);
  const found = [];
  for (const text of texts) {
    found.push(await local.suggest({ text, k, complete }));
  }
  return found;
}"""


def assert_same(found: list[dict[str, Any]], expected: list[Suggestion], text: str) -> None:
    assert [word["text"] for word in found] == [word.text for word in expected], repr(text)
    np.testing.assert_allclose(
        [word["probability"] for word in found], [word.probability for word in expected], rtol=1e-3, err_msg=text
    )


def assert_same_suggestions(scripts: Any, packed: bytes, model: TextModel, texts: Sequence[str], k: int) -> None:
    for completes in (True, False):
        found = scripts.run(_SUGGESTED, {"texts": texts, "complete": completes, "k": k}, model=packed)
        for text, ours in zip(texts, found, strict=True):
            expected = complete(model, text, k) if completes else suggest(model, text, k, restore_case=True)
            assert_same(ours, expected, text)


def test_suggestions_are_those_of_python(scripts: Any, austen_model: TextModel, packed_austen: bytes) -> None:
    assert_same_suggestions(scripts, packed_austen, austen_model, SENTENCES, 5)


@pytest.mark.parametrize(
    ("kind", "tokens"),
    [
        *(("character", LETTERS), ("subword", SUBWORDS), ("word", WORDS), ("pretokenized", WORDS)),
        *(("character", CURLY_LETTERS), ("subword", CURLY_SUBWORDS), ("word", CURLY_WORDS)),
        ("pretokenized", tuple(dict.fromkeys(word.strip() for word in CURLY_WORDS))),
    ],
)
def test_suggestions_for_each_tokenizer_with_straight_or_curly_quotes(
    kind: TokenizerKind, tokens: tuple[str, ...], scripts: Any
) -> None:
    known = (token for token in tokens if kind != "pretokenized" or " " not in token)
    bundle = mixed(bundle_of_tokens(*known, kind=kind, scale=1.5))
    packed = pack_model(bundle)
    assert_same_suggestions(scripts, packed, same_model(packed, bundle), TYPED, 4)


def test_learned_words_of_a_finished_text_are_suggested(
    scripts: Any, austen_model: TextModel, packed_austen: bytes
) -> None:
    found = scripts.run(
        """async (_, { model }, js) => {
          const local = new js.local_model.LocalModel(model);
          const first = await local.suggest({ text: "I met Zylberg and Tolu ", k: 3, complete: true });
          const own = await local.ownWords();
          await local.finish("I met Zylberg and Tolu.");
          const later = await local.suggest({ text: "I met Zy", k: 3, complete: true });
          const kept = await new js.local_model.LocalModel(model).ownWords();
          await local.forget("Zylberg");
          await local.forget("Obliged");
          const never = await new js.local_model.LocalModel(model).forgottenWords();
          const without = await local.suggest({ text: "I am very much ", k: 3, complete: true });
          for (const word of never) await local.allow(word);
          const again = await local.suggest({ text: "I am very much ", k: 1, complete: true });
          return { first, own, later, kept, never, without, again, left: await local.ownWords() };
        }""",
        model=packed_austen,
    )
    session = SuggestionSession(austen_model)
    session.type("I met Zylberg and Tolu ")
    assert_same(found["first"], session.suggestions(3), "first")
    session.replace("I met Zylberg and Tolu.")
    session.finish()
    session.type("I met Zy")
    assert_same(found["later"], session.suggestions(3), "later")
    assert found["own"] == found["kept"] == ["Zylberg", "Tolu"]
    session.change_words(learn=["Tolu"], forget=["Zylberg", "Obliged"])
    session.replace("I am very much ")
    assert_same(found["without"], session.suggestions(3), "without")
    assert found["again"][0]["text"] == "obliged"
    assert found["never"] == ["Zylberg", "Obliged"]
    assert found["left"] == ["Tolu", "Zylberg"]


_GENERATED = """async ({ numbers, ...request }, { model }, js) => {
  const pieces = [];
  const random = () => numbers.shift();
  const onText = (text) => pieces.push(text);
  const made = await new js.local_model.LocalModel(model).generate({ ...request, random, onText });
  return { ...made, streamed: pieces.join("") };
}"""


@pytest.mark.parametrize("prompt", ["", "She was ", "She was", "It is a truth,", "He said.\n", 'said, "'])
@pytest.mark.parametrize(("temperature", "top_p"), [(0.0, 1.0), (0.8, 0.9)])
def test_texts_are_those_of_python(
    prompt: str, temperature: float, top_p: float, scripts: Any, austen_model: TextModel, packed_austen: bytes
) -> None:
    numbers = np.random.default_rng(np.random.SeedSequence(3)).random(25).tolist()  # those of the seed in Python
    options = {"prompt": prompt, "maxTokens": 25, "temperature": temperature, "topP": top_p, "numbers": numbers}
    found = scripts.run(_GENERATED, options, model=packed_austen)
    sampling = SamplingOptions(temperature=temperature, top_p=top_p, seed=3)
    expected = "".join(stream_text(austen_model, prompt, Request(max_tokens=25, sampling=sampling)))
    assert found["text"] == found["streamed"] == expected
    assert found["ending"] == "length"


def test_a_text_is_stopped_by_its_signal(scripts: Any, packed_austen: bytes) -> None:
    found = scripts.run(
        """async (_, { model }, js) => {
          const controller = new AbortController();
          let text = "";
          const onText = (piece) => {
            text += piece;
            controller.abort();
          };
          try {
            const options = { prompt: "", maxTokens: 500, temperature: 1, topP: 1, signal: controller.signal, onText };
            await new js.local_model.LocalModel(model).generate(options);
          } catch (error) {
            return { name: error.name, text };
          }
        }""",
        model=packed_austen,
    )
    assert found["name"] == "AbortError"
    assert 0 < len(found["text"]) < 100


def test_scores_are_those_of_python(
    scripts: Any, austen_model: TextModel, packed_austen: bytes, austen: Bundle
) -> None:
    lines = ["It is a truth,  universally acknowledged.", '"Zylberg said so," he said.']
    text = "\n\n".join(lines) + "\n\n"
    found = scripts.run(
        "async (text, { model }, js) => new js.local_model.LocalModel(model).score(text)", text, model=packed_austen
    )
    scores = list(score_lines(austen_model, lines, ScoringOptions(carry=True)))
    expected = np.concatenate([score.log_probs for score in scores])
    np.testing.assert_allclose([token["logProb"] for token in found["tokens"]], expected, atol=1e-3)
    ranks = [rank or None for score in scores for rank in score.ranks.tolist()]
    assert [token["rank"] for token in found["tokens"]] == ranks
    assert None in ranks  # that of Zylberg
    assert found["logProb"] == pytest.approx(sum(score.log_prob for score in scores), abs=1e-2)
    assert found["perplexity"] == pytest.approx(np.exp(-expected.mean(dtype=np.float64)), rel=1e-3)
    written = [text[token["start"] : token["end"]] for token in found["tokens"]]
    assert written[:5] == ["It", "is", "a", "truth", ","]
    assert "" in written
    with service_of(ServedModel(austen_model, austen, "a" * 64)) as client:
        tokens = answered(client, "/v1/score", text=text, alternatives=5)["tokens"]
    words = [[word["text"] for word in token["alternatives"]] for token in tokens]
    assert [[word["text"] for word in token["alternatives"]] for token in found["tokens"]] == words


def test_scoring_says_how_far_it_is_and_ends_when_it_is_no_longer_wanted(scripts: Any, packed_austen: bytes) -> None:
    found = scripts.run(
        """async (text, { model }, js) => {
          const local = new js.local_model.LocalModel(model);
          const wanted = new AbortController();
          const counts = [];
          const onProgress = (tokens, count) => {
            counts.push([tokens.length, count]);
            if (tokens.length === 3) wanted.abort();
          };
          const ended = await local.score(text, { signal: wanted.signal, onProgress }).catch(({ name }) => name);
          return { counts, ended };
        }""",
        "She was very much obliged.",
        model=packed_austen,
    )
    assert found == {"counts": [[1, 7], [2, 7], [3, 7]], "ended": "AbortError"}


@pytest.mark.parametrize(
    "text", ["She was very much obliged", "She was\n\nvery much", "She was.\n", "Yes", "😀 She was "]
)
def test_a_text_without_a_line_end_is_scored_to_its_end(
    text: str, scripts: Any, austen_model: TextModel, packed_austen: bytes
) -> None:
    found = scripts.run(
        "async (text, { model }, js) => new js.local_model.LocalModel(model).score(text)", text, model=packed_austen
    )
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    scores = list(score_lines(austen_model, paragraphs, ScoringOptions(carry=True)))
    assert len(found["tokens"]) == sum(score.num_tokens for score in scores)
    assert found["logProb"] == pytest.approx(sum(score.log_prob for score in scores), abs=1e-2)
    assert found["tokens"][-1]["text"] == "<eos>"


def test_the_last_line_of_a_model_of_lines_ends_once(scripts: Any) -> None:
    packed = pack_model(bundle_of_tokens("a", "b", kind="pretokenized"))
    texts = ["a", "a\n", "a\nb", "a\n\n", "\n", "  ", "\n "]
    found = scripts.run(
        """async (texts, { model }, js) => {
          const local = new js.local_model.LocalModel(model);
          return Promise.all(texts.map(async (text) => (await local.score(text)).tokens.map((token) => token.end)));
        }""",
        texts,
        model=packed,
    )
    assert found == [[1, 1], [1, 1], [1, 1, 3, 3], [1, 1, 2], [0], [2], [0, 2]]


def test_the_model_describes_itself(scripts: Any, austen: Bundle) -> None:
    facts = PageFacts("0123", {"perplexity (test)": "65.00"}, [CurvePoint(1, 90.0, 80.0)])
    packed = pack_model(austen, passage="It is a truth.", facts=facts)
    found = scripts.run("async (_, { model }, js) => new js.local_model.LocalModel(model).describe()", model=packed)
    assert found == {
        "name": "austen",
        "hash": "0123",
        "summary": austen.summary,
        "unit": "word",
        "card": card_elements(austen.card),
        "figures": {"perplexity (test)": "65.00"},
        "chart": curve_chart(facts.curve),
        "passage": "It is a truth.",
    }


_LONG_TEXT = """async ({ words }, { model }, js) => {
  const local = new js.local_model.LocalModel(model);
  let reads = 0;
  const read = local.jsEngine.read.bind(local.jsEngine);
  local.jsEngine.read = (...given) => {
    reads += 1;
    return read(...given);
  };
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 0);
  const text = words.join(" ");
  const costs = [];
  for (const each of [`${text} `, `${text} a`, `${text} ab`, text.slice(0, -7)]) {
    const before = reads;
    await local.suggest({ text: each, k: 3, complete: true });
    await local.suggest({ text, k: 3, complete: false });
    await local.ownWords();
    costs.push(reads - before);
  }
  clearInterval(timer);
  return { costs, turns };
}"""


def test_a_long_text_is_read_once_and_in_turns(scripts: Any) -> None:
    # More tokens than the tree keeps besides; every tenth word is outside the vocabulary.
    words = [f"Zylberg{number}" if number % 10 == 0 else "very" for number in range(5000)]
    found = scripts.run(
        _LONG_TEXT, {"words": words}, model=pack_model(bundle_of_tokens("very", "a", "ab", line_ends="paragraph"))
    )
    first, *rest = found["costs"]
    assert 5000 <= first <= 5050
    assert max(rest) <= 20
    assert found["turns"] > 0  # the page could work meanwhile


_EDITS = """async ({ texts }, { model }, js) => {
  const local = new js.local_model.LocalModel(model);
  const found = [];
  for (const text of texts) {
    found.push((await local.suggest({ text, k: 1, complete: true }))[0]);
  }
  return { found, numNodes: local.tree.numNodes };
}"""


def test_the_memory_of_edits_is_bounded(scripts: Any) -> None:
    # Each text begins with another word, so nothing of one can be used for the next.
    starts = ("it", "she", "he", "they", "we", "never", "all", "to")
    texts = [f"{word} " + "it is not so " * 250 for word in starts]
    packed = pack_model(bundle_of_tokens(*starts, "is", "not", "so", line_ends="paragraph"))
    found = scripts.run(_EDITS, {"texts": texts}, model=packed)
    assert found["numNodes"] <= 4096 + 2 * 1001
    assert found["found"][-1] == scripts.run(_EDITS, {"texts": texts[-1:]}, model=packed)["found"][0]
