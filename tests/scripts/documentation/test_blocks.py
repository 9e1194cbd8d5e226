import pytest

from documentation.blocks import blocks_in
from documentation.rule import Rule


@pytest.mark.parametrize(
    ("comments", "rule"),
    [
        ("", Rule()),
        ("<!-- slow -->\n", Rule(slow=True)),
        ("<!-- output: varies -->\n", Rule(varies=True)),
        ("<!-- not run: needs a GPU -->\n", Rule(not_run="needs a GPU")),
        ("<!-- not compared: figures of\na long run -->\n\n", Rule(not_compared="figures of\na long run")),
        ("<!-- slow -->\n<!-- output: numbers within 2.5 % -->\n", Rule(slow=True, tolerance=0.025)),
        ("<!-- slow -->\nText.\n\n", Rule()),
        ("<!-- for the site -->\n", Rule()),
    ],
)
def test_comments_above_a_block_are_its_rule(comments: str, rule: Rule) -> None:
    (block,) = blocks_in(f"Text.\n\n{comments}```python\n1\n```\n")
    assert block.rule == rule


def test_a_rule_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be `output: varies`"):
        list(blocks_in("<!-- output: about so -->\n```python\n1\n```\n"))


def test_blocks_in_lists_lose_their_indent() -> None:
    (block,) = blocks_in("- text\n\n  ```python\n  if 1:\n      2\n  ```\n")
    assert (block.body, block.indent, block.line) == ("if 1:\n    2\n", "  ", 3)


def test_commands_know_their_arguments_and_their_output() -> None:
    command = "printf 'a\\n' | nextword score austen \\\n    --tokens > f"
    page = f"# A\n\n```console\n$ {command}\nout\n\n$ ls\n$ nextword runs\n```\n"
    (block,) = blocks_in(page)
    first, second = block.commands
    assert first.arguments == ("score", "austen", "--tokens")
    assert (first.typed, first.target, first.shown, first.number) == ("a\n", "f", "out", 4)
    assert (second.arguments, second.shown, second.number) == (("runs",), "", 9)
