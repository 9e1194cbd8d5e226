"""What comments right above a block ask of its run and of the comparison of its output."""

import re
from dataclasses import dataclass, replace

_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->", re.DOTALL)
_COMMENTS = re.compile(r"(?:<!--(?:(?!-->).)*-->\s*)+\Z", re.DOTALL)
_WITHIN = re.compile(r"output: numbers within ([\d.]+) ?%")


@dataclass(frozen=True)
class Rule:
    """How a block is run and how its output is compared.

    Attributes:
        not_run: `<!-- not run: REASON -->`: why it is not run; empty if it is.
        not_compared: `<!-- not compared: REASON -->`: why its output is not compared; empty if it is.
        varies: `<!-- output: varies -->`: the output must only be there.
        tolerance: `<!-- output: numbers within 2 % -->`: 0.02; numbers may differ by this part.
        slow: `<!-- slow -->`: its page takes long.
    """

    not_run: str = ""
    not_compared: str = ""
    varies: bool = False
    tolerance: float = 0.0
    slow: bool = False

    @property
    def exception(self) -> str:
        """Why its output is not compared, as its comment says it; empty if it is."""
        for name, reason in {"not run": self.not_run, "not compared": self.not_compared}.items():
            if reason:
                return f"{name}: {reason}"
        return "output: varies" if self.varies else ""


def rule_above(text: str, rule: Rule = Rule()) -> Rule:
    """Return the rule in the comments at the end of a text, which override those of another rule.

    Raises:
        ValueError: A comment begins with `output:` but is none of the rules.
    """
    found = _COMMENTS.search(text)
    for comment in _COMMENT.findall(found[0]) if found else ():
        rule = _with(comment, rule)
    return rule


def _with(comment: str, rule: Rule) -> Rule:
    name, _, reason = comment.partition(":")
    if name == "slow":
        return replace(rule, slow=True)
    if name == "not run":
        return replace(rule, not_run=reason.strip())
    if name == "not compared":
        return replace(rule, not_compared=reason.strip())
    if comment == "output: varies":
        return replace(rule, varies=True)
    if within := _WITHIN.fullmatch(comment):
        return replace(rule, tolerance=float(within[1]) / 100)
    if name == "output":
        raise ValueError(f"`<!-- {comment} -->` must be `output: varies` or such as `output: numbers within 2 %`")
    return rule
