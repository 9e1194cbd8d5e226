"""Tasks for `lm_eval` made of a local text: the whole text, its lines one by one, and the right continuation of four.

Each task is a YAML file beside a JSON Lines file, which `lm_eval --include_path` finds without a network.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextword.text.options import LineEnds
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.line_ends import MARKS, segments

WHOLE, LINES, CHOICES = "nextword_whole", "nextword_lines", "nextword_choices"

_NUM_CHOICES = 4
_BEGUN, _CONTINUED = 8, 8

_ROLLING = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {path}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: text
metric_list:
  - metric: word_perplexity
  - metric: byte_perplexity
"""

_MULTIPLE_CHOICE = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {path}
test_split: test
output_type: multiple_choice
doc_to_text: context
doc_to_choice: choices
doc_to_target: right
target_delimiter: " "
metric_list:
  - metric: acc
"""


@dataclass(frozen=True)
class Choice:
    """A beginning of a line, and continuations of which one is right.

    Attributes:
        context: The beginning.
        choices: The continuations.
        right: Index of the right one.
    """

    context: str
    choices: Sequence[str]
    right: int

    def to_table(self) -> dict[str, Any]:
        """Return it as a table for JSON."""
        return {"context": self.context, "choices": list(self.choices), "right": self.right}


@dataclass(frozen=True)
class Documents:
    """What is scored.

    Attributes:
        whole: The whole text.
        lines: Some of its lines or paragraphs, each with its end.
        choices: Beginnings and continuations.
    """

    whole: str
    lines: Sequence[str]
    choices: Sequence[Choice]

    @classmethod
    def of(cls, text: str, line_ends: LineEnds, limit: int) -> "Documents":
        """Cut a text into documents.

        Args:
            text: The text.
            line_ends: Whether a document is a line or a paragraph.
            limit: Number of lines, and of choices, at most.
        """
        found = [segment for segment in segments(split_lines(text), line_ends) if segment.strip()]
        long = [words for segment in found if len(words := segment.split()) >= _BEGUN + _CONTINUED]
        # `nextword evaluate` reads an end after the last line, even if the text has none.
        whole = text.rstrip() + MARKS[line_ends]
        return cls(whole, [segment + MARKS[line_ends] for segment in found[:limit]], _choices(long)[:limit])

    def write(self, folder: Path) -> None:
        """Write the tasks."""
        _write(folder, WHOLE, _ROLLING, [{"text": self.whole}])
        _write(folder, LINES, _ROLLING, [{"text": line} for line in self.lines])
        _write(folder, CHOICES, _MULTIPLE_CHOICE, [choice.to_table() for choice in self.choices])


def _choices(lines: Sequence[Sequence[str]]) -> list[Choice]:
    """Return each line's beginning with the words that follow, and with those of the lines after it."""
    ends = [" ".join(words[_BEGUN : _BEGUN + _CONTINUED]) for words in lines]
    found = []
    for number, words in enumerate(lines):
        choices = [ends[(number + step) % len(lines)] for step in range(1, _NUM_CHOICES)]
        right = number % _NUM_CHOICES
        choices.insert(right, ends[number])
        found.append(Choice(" ".join(words[:_BEGUN]), choices, right))
    return found


def _write(folder: Path, name: str, task: str, rows: Sequence[dict[str, Any]]) -> None:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / f"{name}.yaml").write_text(task.format(name=name, path=json.dumps(str(path))), encoding="utf-8")
