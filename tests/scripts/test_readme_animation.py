"""The animated picture of the README shows what the sample model does."""

import re
from pathlib import Path

import nextword
import readme_animation

ROOT = Path(__file__).parents[2]


def test_the_readme_says_how_many_keys_the_typist_needs() -> None:
    moments = list(readme_animation.typed(nextword.load("austen"), readme_animation.SENTENCE))
    assert moments[-1].text == readme_animation.SENTENCE
    told = f"of {len(readme_animation.SENTENCE)} characters is typed with {len(moments) - 1} keys"
    assert told in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_has_no_script_and_stands_still_for_those_who_ask() -> None:
    picture = readme_animation.FILE.read_text(encoding="utf-8")
    names = set(re.findall(r"<(\w+)", picture))
    assert names == {"svg", "title", "desc", "style", "rect", "g", "text", "path"}
    assert "prefers-reduced-motion" in picture
    assert "prefers-color-scheme:dark" in picture
    assert len(picture) < 100_000
