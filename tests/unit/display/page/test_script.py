import pytest

from nextword.display.page.script import in_ascii, one_script
from nextword.errors import ExportError


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
