"""Report words that a reader stumbles over, in texts, comments, docstrings, messages and names.

    python scripts/check_words.py                 # the whole repository
    python scripts/check_words.py README.md src   # these files and folders

Prints `file:line: word -> better words` for each and exits with 1 if there are any. The list is `words.txt`. Some words
are only too frequent: the README, the guides and the course together may have a number of them.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "scripts" / "words.txt"
PLACES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "mkdocs.yml", "pyproject.toml"),
    *("docs", "src", "tests", "benchmarks", "examples", "scripts"),
)
SUFFIXES = {".md", ".py", ".toml", ".yml", ".sh", ".html", ".js", ".css", ""}
SKIPPED = {"__pycache__", "environments", "node_modules"}  # what `make peers` and `make javascript` install
GAP = r"(?:[\s_#*>]|//)+"  # words may be apart by a line end, the mark of a comment, or the underscore of a name

PROSE = ("README.md", "docs/*.md", "docs/learn/*.md")
RECORDS = {"results-history.md", "lab-log.md"}
_CODE = re.compile(r"^ *```.*?^ *```$|<!--.*?-->", re.MULTILINE | re.DOTALL)

Rule = tuple[re.Pattern[str], str]
Allowed = set[tuple[str, str]]


def read_rules() -> tuple[list[Rule], Allowed]:
    """Return the patterns with their better words, and the texts that are allowed in a file."""
    rules: list[Rule] = []
    allowed: Allowed = set()
    for line in WORDS.read_text(encoding="utf-8").splitlines():
        if line.startswith("allow "):
            path, _, text = line.removeprefix("allow ").partition(" ")
            allowed.add((path, text))
        elif line and not line.startswith(("#", "limit ")):
            rules.append(_rule(line))
    return rules, allowed


def read_limits() -> dict[str, int]:
    """Return how often each rule, such as `figures? = number`, may be broken in the prose."""
    lines = [line.split(" ", 2) for line in WORDS.read_text(encoding="utf-8").splitlines() if line.startswith("limit ")]
    return {rule: int(limit) for _, limit, rule in lines}


def _rule(line: str) -> Rule:
    pattern, better = line.split(" = ")
    whole = rf"(?<![A-Za-z])(?:{pattern.replace(' ', GAP)})(?![a-z])"
    return re.compile(whole, re.IGNORECASE), better


def too_frequent(root: Path, limits: dict[str, int]) -> Iterator[str]:
    """Yield a line for each rule that the prose below a folder breaks more often than its limit allows."""
    paths = [path for place in PROSE for path in sorted(root.glob(place)) if path.name not in RECORDS]
    texts = [_CODE.sub("", path.read_text(encoding="utf-8")) for path in paths]
    for rule, limit in limits.items():
        pattern, _ = _rule(rule)
        counts = {path: len(pattern.findall(text)) for path, text in zip(paths, texts, strict=True)}
        if sum(counts.values()) > limit:
            most = ", ".join(f"{path.name} {count}" for path, count in counts.items() if count)
            yield f"{sum(counts.values())} times, at most {limit}: {rule} ({most})"


def findings(path: Path, rules: list[Rule], allowed: Allowed) -> Iterator[str]:
    """Yield a line for each listed word in a file."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", path.read_text(encoding="utf-8"))  # SomeName is Some_Name
    lines = text.split("\n")
    for pattern, better in rules:
        for found in pattern.finditer(text):
            number = text.count("\n", 0, found.start())
            if not any(name == place and part in lines[number] for place, part in allowed):
                yield f"{name}:{number + 1}: {' '.join(found[0].split())} -> {better}"


def main(places: list[str]) -> int:
    """Check the given files and folders, or all; return the exit code."""
    rules, allowed = read_rules()
    found: list[str] = []
    for place in places or PLACES:
        path = (ROOT / place).resolve()
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in SUFFIXES and not SKIPPED & {*file.relative_to(path).parts}:
                found.extend(findings(file, rules, allowed))
    if not places:
        found.extend(too_frequent(ROOT, read_limits()))
    print("\n".join(found) or "no word of the list was found")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
