"""Whether EleutherAI's `lm_eval` finds the same through `nextword serve` as `nextword evaluate` and `score` do.

python benchmarks/lm_eval_agreement.py runs/demo austen --json agreement.json
"""

import json
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

from harness.interpreters import interpreter_with
from harness.lm_eval import CHOICES, LINES, MAX_TOKENS, WHOLE, Documents, read_samples, run_command, run_lm_eval
from harness.report import Report, json_option, reporting
from harness.server import PATIENT, nextword_server
from nextword.bundle.origin import Origin
from nextword.cli.options.target import target_path
from nextword.engine.opening import open_model
from nextword.engine.text_model import LoadedModel
from nextword.text.sources.find import resolve_source
from nextword.text.tokens.line_ends import MARKS

_TOLERANCE = 1e-3
_DISAGREES = 1

# A document is a prompt, and the whole text is one document.
_LIMITS = {"NEXTWORD_SERVE_MAX_PROMPT_TOKENS": str(MAX_TOKENS), "NEXTWORD_SERVE_MAX_BODY_BYTES": str(2**26)}

Score = tuple[float, int]
"""Natural log-probability and number of tokens."""


@click.command()
@click.argument("run_or_model", type=click.Path(path_type=Path))
@click.argument("text", default="austen")
@click.option("--split", type=click.Choice(["valid", "test", "all"]), default="test", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="Max. lines, and choices.")
@click.option("--concurrent", type=click.IntRange(1), default=4, show_default=True, help="Requests at once.")
@click.option("--lm-eval", "named", metavar="PYTHON", help="A Python with lm_eval; otherwise NEXTWORD_LM_EVAL.")
@click.option("--timeout", type=click.FloatRange(1), default=1800.0, show_default=True, help="Seconds for lm_eval.")
@json_option
def agreement(
    run_or_model: Path,
    text: str,
    split: str,
    limit: int,
    concurrent: int,
    named: str | None,
    timeout: float,
    json_path: Path | None,
) -> None:
    """Score a text with lm_eval through the service, and with nextword, and compare.

    The exit code is 1 if they do not agree to 0.001 in log-probability a token.
    """
    with reporting("lm_eval_agreement", json_path) as report:
        interpreter = interpreter_with("lm_eval", named)
        bundle = Origin.of(target_path(str(run_or_model))).bundle
        model = open_model(bundle, "onnx")
        documents = Documents.of(_text_of(text, split), model.tokenizer.line_ends, limit)
        with tempfile.TemporaryDirectory(prefix="nextword-lm-eval-") as scratch:
            folder = Path(scratch)
            documents.write(folder)
            with nextword_server("served", bundle, timeout, {**PATIENT, **_LIMITS}) as server:
                report.say("lm_eval scores through the service")
                run_lm_eval(interpreter, folder, server, concurrent, timeout)
            report.say("nextword scores")
            ours = _own_scores(bundle, model, documents, folder)
            theirs, numbers = read_samples(folder / "results")
        agrees = _compared(ours, theirs, report)
        rights = [choice["right"] for choice in documents.choices]
        best = np.reshape([log_prob for log_prob, _ in ours[CHOICES]], (len(rights), -1)).argmax(axis=1)
        accuracy = float(np.mean(best == np.array(rights)))
        agrees = agrees and accuracy == numbers["accuracy"]
        described = {"model": f"{model.name}, {model.bundle.summary}", "precision": model.precision}
        described |= {"text": f"{split} of {text}"}
        report.add("summary", agrees=agrees, tolerance=_TOLERANCE, **described, nextword_accuracy=accuracy, **numbers)
    sys.exit(0 if agrees else _DISAGREES)


def _text_of(text: str, split: str) -> str:
    """Return a split of a text as a string."""
    part = resolve_source(text, needed=(split,)).parts[split]  # type: ignore[index, arg-type]
    return b"".join(part.blocks()).decode("utf-8")


def _own_scores(bundle: Path, model: LoadedModel, documents: Documents, folder: Path) -> dict[str, list[Score]]:
    """Score the whole text by `nextword evaluate`, lines by `nextword score`, and continuations by the engine."""
    mark = MARKS[model.tokenizer.line_ends]
    whole, lines = folder / "whole.txt", folder / "lines.txt"
    whole.write_text(documents.whole, encoding="utf-8")
    lines.write_text("".join(line.removesuffix(mark) + "\n" for line in documents.lines), encoding="utf-8")
    command = [sys.executable, "-m", "nextword"]
    evaluated = run_command([*command, "evaluate", str(bundle), str(whole), "--split", "all", "--json"])
    scored = run_command([*command, "score", str(bundle), str(lines), "--no-spell", "--json"])
    tables = {WHOLE: json.loads(evaluated)["evaluations"], LINES: list(map(json.loads, scored.splitlines()))}
    return {
        **{task: [(table["log_prob"], table["num_tokens"]) for table in rows] for task, rows in tables.items()},
        CHOICES: [
            _continuation(model, choice["context"], end) for choice in documents.choices for end in choice["choices"]
        ],
    }


def _continuation(model: LoadedModel, context: str, continuation: str) -> Score:
    """Score what `lm_eval` scores: the tokens of a continuation, given the tokens before it."""
    # A mark at the end of the beginning may be another token if more follows; `lm_eval` keeps the first one.
    engine, encode, read = model.engine, model.tokenizer.encode, model.tokenizer.encode(context)
    ids = np.array([[engine.end_id, *read, *encode(f"{context} {continuation}")[len(read) :]]], np.int32)
    scores, _ = engine.score_window(ids[:, :-1], ids[:, 1:], engine.start(1), ranks=False)
    log_probs = scores.log_probs[0, len(read) :]
    return float(log_probs.sum()), len(log_probs)


def _compared(ours: dict[str, list[Score]], theirs: dict[str, list[float]], report: Report) -> bool:
    """Report both scores of each task, and return whether no document differs by more than the tolerance a token."""
    largest = 0.0
    for task, scores in ours.items():
        pairs = zip(theirs[task], scores, strict=True)
        difference = max((abs(value - own) / max(1, tokens) for value, (own, tokens) in pairs), default=0.0)
        numbers = {"documents": len(scores), "tokens": sum(tokens for _, tokens in scores)}
        sums = {"lm_eval": sum(theirs[task]), "nextword": sum(own for own, _ in scores)}
        report.add("task", task=task, **numbers, **sums, largest_difference=difference)
        largest = max(largest, difference)
    return largest <= _TOLERANCE


if __name__ == "__main__":
    agreement()
