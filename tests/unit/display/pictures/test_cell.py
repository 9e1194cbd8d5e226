import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from nextword.bundle.bundle import Bundle
from nextword.display.pictures.cell import CellView, draw_cell
from nextword.display.pictures.lstm_steps import LSTMSteps, signed
from nextword.errors import SettingError
from support.packed import ARCHITECTURES, random_bundle
from support.tiny_bundle import tiny_bundle

TEXT = "it is so, and it was not so."


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return tiny_bundle()


def drawn(bundle: Bundle, **view: Any) -> str:
    return draw_cell(bundle, TEXT, CellView(**view)).to_svg()


def tips(svg: str) -> dict[str, float]:
    """Return the values that the picture shows to a pointer, such as `unit 3: f`."""
    found = re.findall(r"<title>(unit \d+: [^<]*?) = (-?[\d.]+)</title>", svg)
    return {name: float(value) for name, value in found}


@pytest.mark.parametrize("word", [1, 4, None])
@pytest.mark.parametrize("layer", [1, 2])
def test_the_bars_show_the_values_of_the_model(bundle: Bundle, word: int | None, layer: int) -> None:
    ids = bundle.tokenizer.encode(TEXT)
    step = word or len(ids)
    steps = LSTMSteps.of_model(bundle, [bundle.tokenizer.vocabulary.end_id, *ids], layer)
    found = tips(drawn(bundle, word=word, layer=layer, num_units=3))
    units = steps.liveliest(3)
    assert len(found) == 3 * 8
    for unit in units:
        for name in "ifgoch":
            assert found[f"unit {unit}: {name}"] == pytest.approx(getattr(steps, name)[step, unit], abs=6e-4)
        assert found[f"unit {unit}: c before"] == pytest.approx(steps.c[step - 1, unit], abs=6e-4)
        assert found[f"unit {unit}: h before"] == pytest.approx(steps.h[step - 1, unit], abs=6e-4)


def test_the_word_is_marked_in_the_text(bundle: Bundle) -> None:
    svg = drawn(bundle, word=3)
    assert re.findall(r'<tspan class="now">([^<]*)</tspan>', svg) == ["so"]
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own picture
    assert TEXT in {"".join(text.itertext()) for text in texts}
    assert "The cell at the word “so”" in svg
    assert "The cell at the mark ," in drawn(bundle, word=4)


def test_a_unit_can_be_marked(bundle: Bundle) -> None:
    svg = drawn(bundle, num_units=2, unit=3)
    assert ">unit 3<" in svg
    assert len(tips(svg)) == 2 * 8
    assert "unit 3: f" in tips(svg)


def test_the_numbers_beside_the_equations_are_those_of_the_marked_unit(bundle: Bundle) -> None:
    svg, unit = drawn(bundle, unit=0, word=2), 0
    shown = {name: signed(value) for name, value in tips(drawn(bundle, unit=0, word=2)).items()}
    f, i, o, c, h = (shown[f"unit {unit}: {name}"] for name in "fioch")
    assert re.search(rf">{f} · .* \+ {i} · .* ≈ {c}<", svg)
    assert re.search(rf">{o} · tanh\({c}\) ≈ {h}<", svg)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ({"word": 0}, "`--word` must be from 1 to 10, the number of words, but is 0"),
        ({"word": 11}, "`--word` must be from 1 to 10"),
        ({"num_units": 0}, "`--units` must be from 1 to 16, but is 0"),
        ({"num_units": 17}, "`--units` must be from 1 to 16, but is 17"),
        ({"unit": 5}, "`--mark` must be from 0 to 4, the number of units less 1, but is 5"),
        ({"layer": 3}, "`--layer` must be from 1 to 2"),
    ],
)
def test_what_is_not_there_is_refused(bundle: Bundle, view: dict[str, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        drawn(bundle, **view)


def test_a_text_without_words_is_refused(bundle: Bundle) -> None:
    with pytest.raises(SettingError, match="the text must have 1 to 2,000 words, but has 0"):
        draw_cell(bundle, "")


def test_a_capped_input_gate_is_drawn_as_it_is() -> None:
    bundle = random_bundle(ARCHITECTURES["capped"])
    found = tips(draw_cell(bundle, "w1 w2 w3").to_svg())
    for unit in range(7):
        assert found[f"unit {unit}: i"] <= 1 - found[f"unit {unit}: f"] + 1e-3


def test_a_modulated_state_has_an_equation_of_its_own() -> None:
    bundle = random_bundle(ARCHITECTURES["modulated"])
    steps = LSTMSteps.of_model(bundle, [bundle.tokenizer.vocabulary.end_id, *bundle.tokenizer.encode("w1 w2 w3")], 1)
    assert steps.m is not None
    assert (m := signed(float(steps.m[3, 2]))) != signed(float(steps.h[2, 2]))
    plain, modulated = (
        re.sub("<[^>]*>", "", draw_cell(random_bundle(ARCHITECTURES[name]), "w1 w2 w3", CellView(unit=2)).to_svg())
        for name in ("tied", "modulated")
    )
    assert "m = 2" in modulated
    assert f"{m}\n" in modulated
    assert "m = 2" not in plain
