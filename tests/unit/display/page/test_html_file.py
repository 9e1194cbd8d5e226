import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.bundle.bundle import Bundle
from nextword.bundle.onnx_weights import PackedMatrix
from nextword.display.page.html_file import bytes_as_text, write_html
from nextword.display.page.packed_model import packed_weights
from nextword.errors import StorageError
from support.browser import checked_page, served
from support.packed import ARCHITECTURES, bundle_of_tokens, random_bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser

from nextword.display.page.html_file import in_ascii, one_script
from nextword.errors import ExportError

_READY = "() => globalThis.nextword !== undefined"

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "\u2028",
    "=\"'",
)


@pytest.fixture(scope="module")
def page_of_austen(austen: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "austen.html"
    write_html(path, austen, passage="It is a truth.\nNo.")
    return path


def test_the_file_is_hardly_larger_than_its_weights_in_int8(austen: Bundle, page_of_austen: Path) -> None:
    matrices = [weight for weight in packed_weights(austen).values() if isinstance(weight, PackedMatrix)]
    num_weights = sum(matrix.steps.size for matrix in matrices)
    assert page_of_austen.stat().st_size <= 1.1 * num_weights + 300_000


def test_two_tabs_of_the_file_keep_the_words_of_both(browser: "Browser", page_of_austen: Path) -> None:
    with checked_page(browser) as page:
        other = page.context.new_page()
        for tab in (page, other):
            tab.goto(page_of_austen.as_uri())
            tab.wait_for_function(_READY)
        page.evaluate("async () => nextword.model.finish('I met Kowalczyk.')")
        other.wait_for_function("async () => (await nextword.model.ownWords()).includes('Kowalczyk')")
        other.evaluate("async () => nextword.model.finish('I met Zylberg.')")
        other.evaluate("async () => nextword.model.forget('Elizabeth')")
        other.reload()
        other.wait_for_function(_READY)
        assert other.evaluate("async () => nextword.model.ownWords()") == ["Kowalczyk", "Zylberg"]
        page.wait_for_function("async () => (await nextword.model.forgottenWords()).includes('Elizabeth')")


def test_the_file_opens_from_a_disk_and_works_without_a_network(browser: "Browser", page_of_austen: Path) -> None:
    with checked_page(browser) as page:
        page.goto(page_of_austen.as_uri())
        page.wait_for_function(_READY)
        described = page.evaluate("async () => nextword.model.describe()")
        assert described["name"] == "austen"
        assert described["passage"] == "It is a truth.\nNo."
        asked = "async () => nextword.model.suggest({ text: 'I am very much ', k: 1, complete: true })"
        assert page.evaluate(asked)[0]["text"] == "obliged"
        page.wait_for_selector("text=LSTM 416-208")
        errors = page.evaluate("() => document.querySelectorAll('[role=alert]:not([hidden])').length")
        assert errors == 0


def test_the_page_may_not_ask_any_server(browser: "Browser", page_of_austen: Path) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(page_of_austen.as_uri())
    page.wait_for_function(_READY)
    with served(page_of_austen.parent) as address:
        asked = "async (address) => fetch(address).then(() => false, () => true)"
        assert page.evaluate(asked, f"{address}/austen.html")
    page.close()
    assert "Content Security Policy" in said[0]


def test_a_vocabulary_never_becomes_markup(browser: "Browser", tmp_path: Path) -> None:
    bundle = bundle_of_tokens(*HOSTILE, "the", kind="pretokenized")
    attack, text = HOSTILE[0], "the </script><script>alert(2)</script> the"
    card = f"# {attack}\n\n| a | b |\n|---|---|\n| {attack} | [x](javascript:alert(4)) |\n\n- **{attack}** `{attack}`\n"
    path = tmp_path / "hostile.html"
    write_html(path, dataclasses.replace(bundle, card=card), passage=" ".join(HOSTILE))
    with checked_page(browser) as page:  # which fails if a dialog opens
        page.goto(path.as_uri())
        page.wait_for_function(_READY)
        page.keyboard.press("Tab")
        page.get_by_label("Your text", exact=True).press_sequentially("the ")
        page.wait_for_selector(".suggestions:not([hidden])")
        for tab, shown in (("Read", ".token"), ("Write", ".written[aria-busy=false]"), ("Inside", ".chart-word")):
            page.get_by_role("tab", name=tab).click()
            panel = page.get_by_role("tabpanel", name=tab)
            panel.locator("textarea").first.fill(text)
            if tab == "Write":
                panel.get_by_role("button", name="Write").click()
            panel.locator(shown).first.wait_for()
        page.get_by_role("tab", name="Model").click()
        assert attack in (page.get_by_label("Model card").text_content() or "")
        assert page.locator("#page :is(img, script, iframe, a)").count() == 0


def test_a_damaged_file_says_so_in_the_page(browser: "Browser", tmp_path: Path) -> None:
    path = tmp_path / "damaged.html"
    write_html(path, random_bundle(ARCHITECTURES["tied"]))
    data = bytearray(path.read_bytes())
    start = data.index(b'id="packed-model"')
    data[start + 1500 : start + 1520] = b"x" * 20
    path.write_bytes(bytes(data))
    with checked_page(browser) as page:
        page.goto(path.as_uri())
        page.wait_for_selector("text=The model in this page must be whole")


def test_a_page_is_replaced_and_another_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("my own words", encoding="utf-8")
    bundle = random_bundle(ARCHITECTURES["tied"])
    with pytest.raises(StorageError, match=r"must be a page of nextword to be replaced, but is another file"):
        write_html(path, bundle)
    assert path.read_text(encoding="utf-8") == "my own words"
    path.unlink()
    write_html(path, bundle)
    before = path.read_bytes()
    write_html(path, random_bundle(ARCHITECTURES["gru"]))
    assert path.read_bytes() != before
    with pytest.raises(StorageError, match="must be a file to be replaced, but is a directory"):
        write_html(tmp_path, bundle)


def test_the_file_is_in_ascii_but_for_the_model(page_of_austen: Path) -> None:
    data = page_of_austen.read_bytes()
    start = data.index(b'id="packed-model"')
    end = data.index(b"</script>", start)
    assert data[:start].isascii()
    assert data[end:].isascii()
    assert b'<meta charset="windows-1252">' in data[:200]


def original(text: bytes) -> bytes:
    data, place = bytearray(), 0
    while place < len(text):
        is_escape = text[place] == ord("=")
        data.append(text[place + 1] - 64 if is_escape else text[place])
        place += 2 if is_escape else 1
    return bytes(data)


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    contents: list[Any] = []
    for name in ("one.html", "two.html"):
        write_html(tmp_path / name, random_bundle(ARCHITECTURES["tied"]))
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


@given(st.binary())
def test_escaped_bytes_come_back_and_end_no_element(data: bytes) -> None:
    text = bytes_as_text(data)
    assert original(text) == data
    assert not {0x00, 0x0D, 0x3C} & set(text)
    assert len(text) <= 2 * len(data)


def test_a_module_comes_after_those_that_it_imports() -> None:
    script = one_script(
        {
            "a.js": 'import { b } from "./parts/b.js";\nimport {\n  c,\n  d,\n} from "./model/c.js";\nb(c, d);\n',
            "parts/b.js": 'import { c } from "../model/c.js";\nexport async function b() {}\n',
            "model/c.js": "export const c = 1;\nexport class d {}\nfunction hidden() {}\n",
            "unused.js": "export default 1;\n",
        },
        "a.js",
    )
    offsets = [script.index(f"const module_{name} =") for name in ("model_c", "parts_b", "a")]
    assert offsets == sorted(offsets)
    assert "const { c, d, } = module_model_c;" in script
    assert "return { c, d };" in script
    assert "import" not in script
    assert "export" not in script


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("export default 1;\n", "but a.js holds `export default 1;`"),
        ('import * as b from "./b.js";\n', "but a.js holds `import"),
        ('const b = await import("./b.js");\n', "but a.js holds"),
        ('import { b } from "./missing.js";\n', "must hold the module missing.js"),
        ('import { b } from "./b.js";\n', "in a cycle"),
        ('const end = "</script>";\n', "must not hold `</script`"),
    ],
)
def test_a_module_outside_the_convention_is_refused(source: str, message: str) -> None:
    with pytest.raises(ExportError, match=message.replace("(", r"\(").replace("*", r"\*")):
        one_script({"a.js": source, "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n'}, "a.js")


def test_a_script_is_written_in_ascii() -> None:
    assert in_ascii('"\u2026\U0001f642~"') == r'"\u2026\ud83d\ude42~"'
