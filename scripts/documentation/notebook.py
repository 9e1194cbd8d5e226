"""A chapter of the course as a notebook.

The chapter is the only source: jupytext makes cells of its Markdown. Before that, commands become cells that a shell
runs, links lead to notebooks, and each answer is folded. A cell has the output of the page, which tests check. If the
publisher names the repository, a link below the title opens the notebook in Colab.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from urllib.parse import urlsplit

import jupytext
import nbformat

from documentation.blocks import Block, blocks_in
from documentation.console import entries_of

INSTALL = """\
# A machine without nextword, such as one in a cloud, installs it here.
import importlib.util

if importlib.util.find_spec("nextword") is None:
    %pip install --quiet '{}'"""
PACKAGE = "nextword[train]"

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_COLAB = "https://colab.research.google.com/github"
_REPOSITORY = re.compile(rf"{re.escape(_COLAB)}/([\w.-]+/[\w.-]+)/blob/")
_ANSWER = "answer"
_FOLDED = {"jupyter": {"outputs_hidden": True, "source_hidden": True}, "tags": [_ANSWER]}
_TITLE = re.compile(r"# (\d+)\. ")
_COMMENT = re.compile(r"<!--(?:(?!-->).)*-->\n*", re.DOTALL)
_DETAILS = re.compile(r"<details[^>]*>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
_CELL = re.compile(r"^```python\n.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)#\s]+)(#[^)\s]*)?(?=\))")


def notebook_name(text: str, name: str) -> str | None:
    """Return the file name of the notebook of a page, such as `01-words.ipynb`; `None` if it is no chapter.

    Args:
        text: The page. A chapter begins with its number: `# 1. Words become numbers`.
        name: The name of the page without its suffix.
    """
    title = _TITLE.match(text)
    return f"{int(title[1]):02d}-{name}.ipynb" if title else None


def colab_link(name: str, repository: str) -> str:
    """Return a Markdown link that opens a notebook in Colab; empty unless its repository is on GitHub.

    Args:
        name: The file name of the notebook.
        repository: The address of the repository, such as `https://github.com/OWNER/NAME`.
    """
    address = urlsplit(repository)
    if address.hostname != "github.com":
        return ""
    return f"[Open in Colab]({_COLAB}{address.path}/blob/main/docs/learn/notebooks/{name})"


def repository_in(notebooks: Iterable[str]) -> str:
    """Return the address of the repository that notebooks name in their links to Colab; empty if none has a link."""
    found = next(filter(None, map(_REPOSITORY.search, notebooks)), None)
    return f"https://github.com/{found[1]}" if found else ""


def notebook_of(text: str, chapters: dict[str, str], link: str = "", package: str = PACKAGE) -> str:
    """Return the notebook of a chapter, as JSON.

    Args:
        text: The chapter.
        chapters: For each chapter, such as `words.md`, the file name of its notebook.
        link: A link to the notebook in Colab.
        package: What pip installs if nextword is missing.
    """
    markdown = _with_folded_answers(_with_cells(text, chapters))
    made = jupytext.reads(markdown, fmt={"extension": ".md", "split_at_heading": True})
    first, *rest = (cell for cell in made.cells if cell.source.strip())
    linked = [nbformat.v4.new_markdown_cell(link)] if link else []
    cells = [first, *linked, nbformat.v4.new_code_cell(INSTALL.format(package)), *rest]
    for cell, identity in zip(cells, _identities(cells), strict=True):
        cell["id"] = identity
        if cell.cell_type == "code":
            cell["metadata"] = _FOLDED if _ANSWER in cell.metadata.get("tags", []) else {}
    code = [cell for cell in rest if cell.cell_type == "code"]
    for cell, shown in zip(code, outputs_in(text), strict=True):
        cell["outputs"] = [nbformat.v4.new_output("stream", name="stdout", text=shown)] if shown else []
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=_METADATA)
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


def notebooks_of(folder: Path, repository: str = "") -> dict[str, str]:
    """Return the notebooks of all chapters in a folder: file names and contents.

    Args:
        folder: The folder.
        repository: The address of the repository, for links to Colab, where nextword is installed from it.
    """
    pages = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    names = {page: notebook_name(text, Path(page).stem) for page, text in pages.items()}
    chapters = {page: name for page, name in names.items() if name}
    package = f"{PACKAGE} @ git+{repository}" if repository else PACKAGE
    return {
        name: notebook_of(pages[page], chapters, colab_link(name, repository), package)
        for page, name in chapters.items()
    }


def outputs_in(text: str) -> Iterator[str]:
    """Yield what a page shows below each of its blocks that become cells; empty if it shows nothing."""
    blocks = list(blocks_in(text))
    for block, below in zip_longest(blocks, blocks[1:]):
        if block.not_run:
            continue
        if block.language == "console":
            yield "".join(f"{entry.shown}\n" for entry in entries_of(block.body) if entry.shown)
        elif block.is_python:
            between = _COMMENT.sub("", text[block.place.stop : below.place.start]) if below else ""
            yield below.body if below and below.language == "text" and not between.strip() else ""


def _identities(cells: list[nbformat.NotebookNode]) -> Iterator[str]:
    """Yield an id for each cell that changes only with its content."""
    counts: dict[str, int] = {}
    for cell in cells:
        content = f"{cell.cell_type}\n{cell.source}"
        counts[content] = number = counts.get(content, 0) + 1
        yield hashlib.sha256(f"{number}\n{content}".encode()).hexdigest()[:8]


def _with_cells(text: str, chapters: dict[str, str]) -> str:
    """Return a page of which each block is a cell to run, or as it was; outputs below Python are left out."""
    parts, at, below_python = [], 0, False
    for block in blocks_in(text):
        between = _COMMENT.sub("", text[at : block.place.start])
        is_output = block.language == "text" and below_python and not between.strip()
        parts.append(_with_links(between, chapters))
        if not is_output:
            parts.append(_cell(block, text[block.place]))
        at, below_python = block.place.stop, block.is_python and not block.not_run
    return "".join([*parts, _with_links(_COMMENT.sub("", text[at:]), chapters)])


def _cell(block: Block, fenced: str) -> str:
    if block.not_run:
        return fenced.replace("```python", "```py", 1)  # jupytext takes `py` for text
    if block.is_python:
        return f"```python\n{block.body}```"
    if block.language != "console":
        return fenced
    # Not `!`, which forks the kernel: JAX warns of that in the middle of the output.
    return "```python\n%%bash\n" + "\n".join(entry.command for entry in entries_of(block.body)) + "\n```"


def _with_links(markdown: str, chapters: dict[str, str]) -> str:
    def changed(link: re.Match[str]) -> str:
        path, part = link[1], link[2] or ""
        return chapters.get(path, f"../{path}{part}")

    return _LINK.sub(changed, markdown)


def _with_folded_answers(markdown: str) -> str:
    """Return a page whose answers are balanced around each cell, and whose cells in answers are marked."""
    return _DETAILS.sub(lambda found: _answer(found[1], found[2]), markdown)


def _answer(summary: str, content: str) -> str:
    parts, at = [], 0
    for code in [*_CELL.finditer(content), None]:
        text = content[at : code.start() if code else None].strip()
        if text:
            parts.append(f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>")
        elif not parts:
            parts.append(f"*{summary}: the folded cell below.*")
        if code:
            parts.append(code[0].replace("```python", f'```python tags=["{_ANSWER}"]', 1))
            at = code.end()
    return "\n\n".join(parts)
