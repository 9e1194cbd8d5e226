import re

import nextword
from nextword.display.pictures.colored_text import PredictedWord, draw_surprisal, draw_unit
from nextword.display.pictures.lstm_steps import LSTMSteps

QUOTED = '"I am very happy," said Anne.'


def colors(svg: str) -> list[str]:
    """Return the color and shade of each word, in order, without the legend."""
    return [look for look in re.findall(r'<rect class="([^"]*)" [^>]*height="26"', svg) if look != "over"]


def test_the_unit_of_quotation_marks_has_one_sign_within_speech_and_another_outside() -> None:
    drawn = colors(draw_unit(nextword.load("austen").bundle, QUOTED, unit=175).to_svg())
    assert [color.split()[0] for color in drawn] == ["positive"] * 6 + ["negative"] * 3  # the mark that closes has none


def test_the_unit_by_default_is_the_one_whose_cell_changes_most() -> None:
    bundle = nextword.load("austen").bundle
    (unit,) = LSTMSteps.of_model(
        bundle, [bundle.tokenizer.vocabulary.end_id, *bundle.tokenizer.encode(QUOTED)], 2
    ).liveliest(1)
    assert draw_unit(bundle, QUOTED, layer=2).texts[0].content.startswith(f"Unit {unit} of layer 2 reads")


def test_a_word_has_the_shade_of_its_surprisal_and_a_wrong_guess_below() -> None:
    words = [PredictedWord("a", "a", 1.9), PredictedWord("b", "c", 2.0), PredictedWord("d", "e", 30.0)]
    drawing = draw_surprisal(words, "austen")
    assert colors(drawing.to_svg()) == ["bits1", "bits4"]
    assert [text.content for text in drawing.texts[-5:]] == ["a", "b", "c", "d", "e"]
