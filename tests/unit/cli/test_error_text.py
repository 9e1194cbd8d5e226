import pytest

from nextword.cli.error_text import error_text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("nothing works", ["error: nothing works"]),
        ("`a` must be b, but is c; d", ["error: `a` must be b, but is c", "hint: d"]),
        ("a is wrong; do b; or do c", ["error: a is wrong", "hint: do b", "hint: do c"]),
        ("`x; y` is wrong; name `p; q`", ["error: `x; y` is wrong", "hint: name `p; q`"]),
        ("'x; y' and \"it's; \" are wrong; b", ["error: 'x; y' and \"it's; \" are wrong", "hint: b"]),
        (r"'it\'s \"; x' is wrong; b", [r"error: 'it\'s \"; x' is wrong", "hint: b"]),
        ("it isn't a file of the users' own; b", ["error: it isn't a file of the users' own", "hint: b"]),
        ("it failed (no space; code 3); b (c; d)", ["error: it failed (no space; code 3)", "hint: b (c; d)"]),
        ("`a` lacks; the `b; c", ["error: `a` lacks", "hint: the `b", "hint: c"]),  # an odd number of backticks
        ("a;b is wrong", ["error: a;b is wrong"]),
        ("a has\ntwo lines; b", ["error: a has", "two lines", "hint: b"]),
    ],
)
def test_what_is_wrong_and_each_repair_have_a_line(message: str, expected: list[str]) -> None:
    plain = error_text(message).replace("\x1b[31m\x1b[1m", "").replace("\x1b[36m\x1b[1m", "").replace("\x1b[0m", "")
    assert plain.splitlines() == expected


def test_an_error_without_a_repair_has_the_other_hint() -> None:
    assert error_text("a", "see b").endswith(" see b")
    assert "see b" not in error_text("a; c", "see b")


def test_no_line_is_broken() -> None:
    assert len(error_text(f"{'long ' * 200}; {'word ' * 200}").splitlines()) == 2
