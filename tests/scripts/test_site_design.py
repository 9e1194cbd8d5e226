"""What the site adds to the HTML of its pages, for `extra.css` to find."""

import pytest

import site_design


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("<code>--epochs 2</code>", '<code><span class="flag">--epochs</span> 2</code>'),
        ("<code>a-b -k 3</code>", '<code>a-b <span class="flag">-k</span> 3</code>'),
        ("<p>--epochs</p>", "<p>--epochs</p>"),
        ("<pre><code>a --b\n</code></pre>", "<pre><code>a --b\n</code></pre>"),
    ],
)
def test_flags_in_running_text_are_kept_whole(content: str, shown: str) -> None:
    assert site_design.on_page_content(content) == shown


def test_cells_with_a_sentence_are_marked_and_keep_their_other_attributes() -> None:
    long, short = "<b>Number of passes</b> over the text", "<b>Number of passes</b>"
    content = f'<tr><td style="text-align: right">{short}</td><td style="text-align: left">{long}</td></tr>'
    shown = content.replace('<td style="text-align: left"', '<td class="sentence" style="text-align: left"')
    assert site_design.on_page_content(content) == shown
