"""Whether EleutherAI's `lm_eval` finds the same through `nextword serve` as `nextword evaluate` and `score` do.

python benchmarks/lm_eval_agreement.py runs/demo austen --json agreement.json
"""

import json
import shlex
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from harness.agreement.agreement import Agreement, render_agreement
from harness.agreement.lm_eval_run import LONGEST, lm_eval_interpreter, run_lm_eval
from harness.agreement.own_scores import own_scores
from harness.agreement.tasks import Documents
from harness.serving.catalogue import PATIENT, nextword_plan
from harness.serving.server import Server
from harness.speed.provenance import Provenance
from nextword.bundle.origin import Origin
from nextword.cli.options.target import run_or_model_argument
from nextword.disk.files import write_file
from nextword.engine.opening import open_model
from nextword.errors import NextwordError, SettingError
from nextword.text.sources.find import resolve_source

_COLUMNS_OF_A_FILE = 140
_DISAGREES = 1

# A document is a prompt, and the whole text is one document.
_LIMITS = {"NEXTWORD_SERVE_MAX_PROMPT_TOKENS": str(LONGEST), "NEXTWORD_SERVE_MAX_BODY_BYTES": str(2**26)}


@click.command()
@run_or_model_argument
@click.argument("text", default="austen")
@click.option("--split", type=click.Choice(["valid", "test", "all"]), default="test", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="Lines, and choices, at most.")
@click.option("--concurrent", type=click.IntRange(1), default=4, show_default=True, help="Requests at once.")
@click.option("--lm-eval", "named", metavar="PYTHON", help="A Python with lm_eval; else NEXTWORD_LM_EVAL.")
@click.option("--timeout", type=click.FloatRange(1), default=1800.0, show_default=True, help="Seconds for lm_eval.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write everything to a file."
)
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
    """Score a text with lm_eval through the service, and with nextword, and compare."""
    try:
        interpreter = lm_eval_interpreter(named)
        if json_path is not None and not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        found = _compare(Origin.of(run_or_model).bundle, text, split, limit, interpreter, (concurrent, timeout))
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = _COLUMNS_OF_A_FILE
        console.print(render_agreement(found))
        if json_path is not None:
            line = shlex.join(["python", "benchmarks/lm_eval_agreement.py", *sys.argv[1:]])
            write_file(json_path, json.dumps({**found.to_table(), "command": line}, indent=2).encode() + b"\n")
    except NextwordError as error:
        click.echo(f"lm_eval_agreement: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit(0 if found.agrees else _DISAGREES)


def _compare(bundle: Path, text: str, split: str, limit: int, interpreter: str, effort: tuple[int, float]) -> Agreement:
    provenance, (concurrent, timeout) = Provenance.now(), effort
    loaded = open_model(bundle, "onnx")
    documents = Documents.of(_text_of(text, split), loaded.tokenizer.line_ends, limit)
    with tempfile.TemporaryDirectory(prefix="nextword-lm-eval-") as scratch:
        folder = Path(scratch)
        documents.write(folder)
        with Server(nextword_plan("served", bundle, {**PATIENT, **_LIMITS}), timeout=timeout) as server:
            name = json.loads(server.get("/v1/models")[1])["data"][0]["id"]
            click.echo("lm_eval scores through the service", err=True)
            found = run_lm_eval(interpreter, folder, server.port, name, concurrent=concurrent, timeout=timeout)
        click.echo("nextword scores", err=True)
        own = own_scores(bundle, loaded, documents, folder)
    described = f"{loaded.name}, {loaded.bundle.summary}"
    shown = text if split == "all" else f"the {split} split of {text}"
    return Agreement(described, shown, loaded.precision, documents, found, own, provenance)


def _text_of(text: str, split: str) -> str:
    """Return a split of a text as a string."""
    part = resolve_source(text, needed=(split,)).parts[split]  # type: ignore[index, arg-type]
    return b"".join(part.blocks()).decode("utf-8")


if __name__ == "__main__":
    agreement()
