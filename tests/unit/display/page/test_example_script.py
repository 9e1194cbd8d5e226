"""`site/js/example.js` in a browser."""

from typing import Any

import pytest


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
    assert scripts.run("(text, models, js) => js.example.beginningOf(text, 30)", text) == expected


_EXAMPLE = """async ({ passage, unit }, models, js) => {
  const asked = [];
  const generate = async ({ maxTokens }) => (asked.push(maxTokens), { text: " It is so. " });
  let shown = null;
  js.example.exampleButton({ generate }, { passage, unit }, null, (text) => (shown = text)).click();
  while (shown === null) await new Promise((resolve) => setTimeout(resolve));
  return { asked, shown };
}"""


def test_without_a_passage_the_model_writes_the_example(scripts: Any) -> None:
    assert scripts.run(_EXAMPLE, {"passage": "It was. ", "unit": "word"}) == {"asked": [], "shown": "It was."}
    assert scripts.run(_EXAMPLE, {"passage": None, "unit": "word"}) == {"asked": [80], "shown": "It is so."}
    assert scripts.run(_EXAMPLE, {"passage": None, "unit": "character"}) == {"asked": [400], "shown": "It is so."}
