"""`site/js/game.js` in a browser: the rules of "Beat the model"."""

from typing import Any


def test_a_word_outside_the_vocabulary_is_never_asked_for(scripts: Any) -> None:
    found = scripts.run(
        """(_, models, js) => {
          const token = (start, end, isUnknown) => ({ start, end, isUnknown, logProb: -1, alternatives: [] });
          const tokens = [token(0, 3, false), token(4, 13, true), token(14, 18, false)];
          return js.game.askableWords("her Kowalczyk said", tokens).map(({ word }) => word);
        }"""
    )
    assert found == ["her", "said"]
