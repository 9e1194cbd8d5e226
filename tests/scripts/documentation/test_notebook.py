import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from documentation.notebook import INSTALL, PACKAGE, notebook_name, notebook_of, notebooks_of

SCRIPT = Path(__file__).parents[3] / "scripts" / "notebooks.py"

CHAPTER = """\
# 1. Words become numbers

Read [chapter 2](networks.md#unroll), [texts](../texts.md#split), [a part](#part) and <https://example.org>.

![A box](../images/learn/box.svg)

<!-- output: varies -->
```python
1 + 1
```

```text
2
```

## Commands

```console
$ nextword suggest austen "I am" \\
    --top 3
 1%  a
$ nextword runs
```

```console
$ printf '{"a": 1}\\n' > "$HOME/a"
```

<!-- not run: needs a text -->
```python
nextword.train("my-text.txt")
```

```text
a text
```

## Exercises

**Exercise 1.** How many?

<details markdown="1"><summary>Answer</summary>

```python
1 + 1
```

```text
2
```

Two.

</details>

**Exercise 2.** Why?

<details markdown="1"><summary>Answer</summary>

Because.

</details>
"""


def cells_of(chapter: str) -> list[dict[str, Any]]:
    notebook = json.loads(notebook_of(chapter, {"networks.md": "02-networks.ipynb"}))
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    cells: list[dict[str, Any]] = notebook["cells"]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
        assert cell["source"].strip()
        if cell["cell_type"] == "markdown":
            assert cell["source"].count("<details") == cell["source"].count("</details>")
    return cells


def code_of(chapter: str) -> list[str]:
    return [cell["source"] for cell in cells_of(chapter) if cell["cell_type"] == "code"]


def text_of(chapter: str) -> str:
    return "\n\n".join(cell["source"] for cell in cells_of(chapter) if cell["cell_type"] == "markdown")


def test_code_and_commands_are_cells() -> None:
    assert code_of(CHAPTER) == [
        INSTALL.format(PACKAGE),
        "1 + 1",
        '%%bash\nnextword suggest austen "I am" \\\n    --top 3\nnextword runs',
        '%%bash\nprintf \'{"a": 1}\\n\' > "$HOME/a"',
        "1 + 1",
    ]


def test_commands_over_lines_are_a_cell_of_a_shell() -> None:
    assert code_of("# 1. A\n\n```console\n$ echo 'a\nb'\na\nb\n$ ls\n```\n")[1:] == ["%%bash\necho 'a\nb'\nls"]


def test_text_keeps_all_but_outputs_and_comments() -> None:
    text = text_of(CHAPTER)
    assert "<!--" not in text
    assert "```text\n2\n```" not in text
    assert "```text\na text\n```" in text
    assert '```py\nnextword.train("my-text.txt")\n```' in text


def test_links_lead_from_the_folder_of_the_notebooks() -> None:
    text = text_of(CHAPTER)
    assert "[chapter 2](02-networks.ipynb)" in text
    assert "[texts](../../texts.md#split)" in text
    assert "[a part](#part)" in text
    assert "![A box](../../images/learn/box.svg)" in text


def test_answers_are_folded() -> None:
    folded = [cell["metadata"]["jupyter"] for cell in cells_of(CHAPTER) if cell["metadata"]]
    assert folded == [{"outputs_hidden": True, "source_hidden": True}]
    text = text_of(CHAPTER)
    assert "How many?\n\n*Answer: the folded cell below.*" in text
    assert "<details><summary>Answer</summary>\n\nTwo.\n\n</details>" in text
    assert "<details><summary>Answer</summary>\n\nBecause.\n\n</details>" in text


def test_cells_have_the_outputs_of_the_page() -> None:
    cells = [cell for cell in cells_of(CHAPTER) if cell["cell_type"] == "code"]
    shown = ["".join(text for each in cell["outputs"] for text in each["text"]) for cell in cells]
    assert shown == ["", "2\n", " 1%  a\n", "", "2\n"]  # the first one installs


def test_ids_depend_on_content_only() -> None:
    first, second = cells_of(CHAPTER), cells_of(CHAPTER.replace("Read", "See"))
    assert first == cells_of(CHAPTER)
    assert len({cell["id"] for cell in first}) == len(first)
    assert [cell["id"] for cell in first][1:] == [cell["id"] for cell in second][1:]
    assert first[0]["id"] != second[0]["id"]


@pytest.mark.parametrize(("title", "name"), [("# 1. Words", "01-words.ipynb"), ("# Learn", None)])
def test_chapters_are_numbered(title: str, name: str | None) -> None:
    assert notebook_name(f"{title}\n\nText.\n", "words") == name


def test_notebooks_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# Learn\n", "utf-8")
    (tmp_path / "a.md").write_text("# 1. A\n\n[B](b.md)\n", "utf-8")
    (tmp_path / "b.md").write_text("# 2. B\n\n[Learn](index.md)\n", "utf-8")
    made = notebooks_of(tmp_path)
    assert list(made) == ["01-a.ipynb", "02-b.ipynb"]
    assert "[B](02-b.ipynb)" in made["01-a.ipynb"]
    assert "[Learn](../index.md)" in made["02-b.ipynb"]


def test_the_script_checks_writes_and_removes(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "learn"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "a.md").write_text("# 1. A\n", "utf-8")
    (folder / "notebooks" / "09-old.ipynb").write_text("{}", "utf-8")

    def run(*options: str, repository: str = "") -> tuple[int, str]:
        command = [sys.executable, str(SCRIPT), *options, str(folder)]
        variables = os.environ | {"NEXTWORD_REPO_URL": repository}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
        return done.returncode, done.stdout

    code, output = run("--check")
    assert code == 1
    assert "01-a.ipynb: not what its chapter makes" in output
    assert "09-old.ipynb" in output
    assert run()[0] == 0
    assert [path.name for path in (folder / "notebooks").iterdir()] == ["01-a.ipynb"]
    assert run("--check") == (0, "")
    notebook = folder / "notebooks" / "01-a.ipynb"
    assert "Colab" not in notebook.read_text("utf-8")
    assert run(repository="https://github.com/owner/name")[0] == 0
    link = "https://colab.research.google.com/github/owner/name/blob/main/docs/learn/notebooks/01-a.ipynb"
    assert f"[Open in Colab]({link})" in notebook.read_text("utf-8")
    assert "'nextword[train] @ git+https://github.com/owner/name'" in notebook.read_text("utf-8")
    assert run("--check") == run() == (0, "")  # the link stays
    assert link in notebook.read_text("utf-8")
