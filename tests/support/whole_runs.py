"""Runs from their beginning, or from where they stopped, to the bundle."""

from pathlib import Path
from typing import Any

from nextword.text.corpus import Corpus
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.result import FinishedRun
from nextword.training.start import Run


def start_run(config: RunConfig, text: Any, root: Path, context: RunContext | None = None) -> FinishedRun:
    with Run.begin(config, text, root, context) as run:
        run.train()
        return run.finish()


def resume_run(
    root: Path, context: RunContext | None = None, *, finish: bool = False, corpus: Corpus | None = None
) -> FinishedRun:
    with Run.open(root, context, text=corpus) as run:
        if not finish:
            run.train()
        return run.finish()
