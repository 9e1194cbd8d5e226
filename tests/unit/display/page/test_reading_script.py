"""`site/js/reading.js` in Node: what the tab Inside says that the network predicts."""

from typing import Any

import pytest

from nextword.bundle.bundle import Bundle
from nextword.inference.suggestion.suggestion import suggest
from support.packed import same_model


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
