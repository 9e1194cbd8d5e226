"""Tables of results inside a page, each between two comments; the first says what it shows.

<!-- results: corpus=ptb preset=auto -->

| ... |

<!-- end of results -->
"""

import re
from collections.abc import Sequence

from harness.ledger.group import Group, mean_and_spread
from harness.ledger.query import Query
from harness.ledger.result import Result

_TABLE = re.compile(r"(<!-- results: (?P<query>[^>]*?) -->\n)(?P<table>.*?)(<!-- end of results -->)", re.DOTALL)

Columns = dict[str, str]


def renewed(page: str, results: Sequence[Result]) -> str:
    """Return the page with each of its tables written again.

    Raises:
        SettingError: A comment asks for an impossible table.
    """
    return _TABLE.sub(lambda found: f"{found[1]}\n{render(Query.of(found['query']), results)}\n{found[4]}", page)


def render(query: Query, results: Sequence[Result]) -> str:
    """Return a table in Markdown; one row a group, or one for each of its methods."""
    groups = query.groups(results)
    if query.methods == "across":
        rows = [_described(group) | _across(group) for group in groups]
    else:
        rows = [_described(part) | _down(part) for group in groups for part in group.by_method.values()]
    headings = _headings(query, rows)
    lines = [headings, ["---"] * len(headings), *([row.get(heading, "") for heading in headings] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _headings(query: Query, rows: Sequence[Columns]) -> list[str]:
    """Return the headings of all rows, without those that the query fixes."""
    plain = {key for key in ("corpus", "preset") if not set(getattr(query, key)) & set("*?[,")}
    last = ["seeds", "commit"]
    headings = dict.fromkeys(heading for row in rows for heading in row)
    return [heading for heading in headings if heading not in plain and heading not in last] + last


def _described(group: Group) -> Columns:
    first = group.first
    return {
        "corpus": first.corpus,
        "preset": f"`{first.preset}`",
        "minutes": f"{first.minutes:g}",
        "machine": group.machine,
        "parameters": f"{first.parameters:,}",
        "epochs": mean_and_spread(group.values("epochs"), 1),
        "seeds": ", ".join(map(str, group.seeds)),
        "commit": first.commit,
    }


def _across(group: Group) -> Columns:
    parts = group.by_method
    static = parts.get("static")
    columns = {"valid": mean_and_spread(static.values("valid_perplexity") if static else [], 2)}
    for method, part in parts.items():
        columns[f"test, {_spaced(method)}"] = _bold(mean_and_spread(part.values("test_perplexity"), 2))
    return columns


def _down(group: Group) -> Columns:
    return {
        "read as": _spaced(group.first.method),
        "valid": mean_and_spread(group.values("valid_perplexity"), 2),
        "test": _bold(mean_and_spread(group.values("test_perplexity"), 2)),
    }


def _spaced(method: str) -> str:
    return ", ".join(part.strip() for part in method.split(","))


def _bold(text: str) -> str:
    return f"**{text}**" if text else ""
