"""nextword, by its usual command: `nextword train TEXT --minutes N`; read by the network alone, and as used."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from nextword.bundle.run_directory import RunDirectory
from nextword.engine.opening import open_model
from nextword.inference.evaluation.perplexity import evaluate
from nextword.settings import read_tables
from nextword.training.config import RunConfig
from nextword.training.step.stream_model import fingerprint
from quality_protocol import AS_USED, Ids, Outcome, Say, Task, compete


def train(task: Task, say: Say) -> Outcome:
    """Train with the command line; the seconds are those of the whole command, its own evaluation included."""
    task.require_known("arguments")
    arguments = task.recipe.get("arguments", ["--minutes", f"{task.minutes:g}"])
    scratch = tempfile.TemporaryDirectory(prefix="run-", dir=task.ids)  # which the harness always removes
    run = RunDirectory(Path(scratch.name) / "run")
    command = [sys.executable, "-m", "nextword", "train", task.text, *arguments]
    clock = task.start_clock()
    subprocess.run([*command, "--seed", str(task.seed), "--run", str(run.root)], check=True)
    seconds = clock.seconds
    records = [json.loads(line) for line in (run.root / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    num_tokens = len(task.split("train"))
    for record in records:
        tokens = round(record["epoch"] * num_tokens)
        say({"seconds": record["seconds"], "tokens": tokens, "valid_perplexity": record["valid_perplexity"]})
    model, config, settings = open_model(run.model), RunConfig.of_run(run), read_tables(run.config_file)
    scratch.cleanup()

    def evaluate_ids(ids: Ids) -> dict[str, float]:
        methods = {"stream": model.using("static"), AS_USED: model}
        return {name: -evaluate(used.engine, ids.astype("int32")).log_prob for name, used in methods.items()}

    return Outcome(
        parameters=model.bundle.architecture.num_parameters,
        tokens=round(records[-1]["epoch"] * num_tokens),
        seconds=seconds,
        evaluate=evaluate_ids,
        dtype=config.training.compute_dtype,
        versions=fingerprint(),
        recipe={name: table for name, table in settings.items() if name != "origin"},
    )


if __name__ == "__main__":
    compete(train)
