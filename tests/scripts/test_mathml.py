"""Formulas of the documentation as MathML."""

import mathml


def test_a_formula_of_a_line_is_inline_and_one_of_its_own_can_be_scrolled() -> None:
    shown = mathml.on_page_content(r'<p>of <span class="arithmatex">\(a_i\)</span></p>')
    assert shown.startswith("<p>of <math")
    assert 'display="inline"' in shown
    assert mathml.on_page_content('<div class="arithmatex">\\[a\\]</div>').startswith('<div class="formula"><math')


def test_an_angle_bracket_is_text_and_no_element() -> None:
    for command in ("text", "texttt"):
        shown = mathml.on_page_content(
            rf'<span class="arithmatex">\(p(\{command}{{&lt;unk&gt;}} \mid a &lt; b)\)</span>'
        )
        assert "&lt;unk&gt;</mtext>" in shown
        assert "<unk>" not in shown
