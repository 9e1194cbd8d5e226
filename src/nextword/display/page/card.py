"""A model card as elements for the page, which makes text nodes of all text."""

from itertools import chain
from typing import Any

from markdown_it import MarkdownIt

_MAX_OPEN = 50
"""How deep elements may be nested; JSON is read and written recursively."""

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["autolink", "image"])


def card_elements(card: str) -> list[Any]:
    """Return the elements of a text in Markdown: a string for a text, a list of its name and its content for others.

    HTML in the Markdown is text, and so is a link, with its address behind it. Headings begin at `h2`.

    Example:
        >>> card_elements("# austen\\n\\nAn *LSTM*.")
        [['h2', 'austen'], ['p', 'An ', ['em', 'LSTM'], '.']]
    """
    stack: list[list[Any]] = [[]]
    addresses: list[object] = []
    for token in chain.from_iterable(token.children or [token] for token in _PARSER.parse(card)):
        inner = stack[-1]
        if token.nesting == 1:
            addresses.append(token.attrs.get("href"))
            if not (token.hidden or token.tag == "a" or len(stack) > _MAX_OPEN):
                inner.append([f"h{min(6, int(token.tag[1]) + 1)}" if token.type == "heading_open" else token.tag])
                inner = inner[-1]
            stack.append(inner)
        elif token.nesting == -1:
            stack.pop()
            if (address := addresses.pop()) and inner[-1:] != [address]:
                inner.append(f" ({address})")
        elif token.type in ("fence", "code_block"):
            inner.append(["pre", ["code", token.content]])
        else:
            text = " " if token.type == "softbreak" else token.content
            inner.append([token.tag, text] if token.type in ("code_inline", "hardbreak", "hr") else text)
    return stack[0]
