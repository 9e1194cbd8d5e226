"""What a finished run leaves in its directory: bundle, metrics and curves, and the ensemble of a population."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nextword.bundle.bundle import Bundle
from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.store import read_bundle, write_bundle
from nextword.errors import BundleError, StorageError
from nextword.text.corpus import Corpus
from nextword.training.cluster.cluster import writes
from nextword.training.cluster.population import POPULATION, fit_if_complete
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.report.curve_picture import draw_curves
from nextword.training.result import FinishedRun, write_metrics

if TYPE_CHECKING:
    from nextword.training.cluster.joined import Processes


def save_results(
    finished: FinishedRun,
    config: RunConfig,
    directory: RunDirectory,
    context: RunContext,
    processes: "Processes | None" = None,
) -> FinishedRun:
    """Write bundle, metrics and curves to the run directory."""
    if not writes(processes):
        return finished
    _write_model(directory.model, finished.bundle)
    write_metrics(directory.metrics_file, finished)
    try:
        draw_curves(
            finished.progress.records,
            directory.root,
            points=finished.progress.points,
            title=title_of(config, finished.corpus),
        )
    except StorageError as error:  # a missing picture must not fail the run
        context.warn(f"no curves were drawn: {error}")
    return finished


def _write_model(path: Path, bundle: Bundle) -> None:
    """Write the bundle, unless the same model is there: it may have been exported since."""
    with suppress(BundleError):
        if path.is_dir() and read_bundle(path).is_same_model(bundle):
            return
    write_bundle(path, bundle, replace=True)


def fit_ensemble(config: RunConfig, corpus: Corpus, directory: RunDirectory, context: RunContext) -> None:
    """Fit the weights of a population if this run is its last member to finish."""
    if POPULATION not in config.origin:
        return
    root, num_members = directory.root.parent, int(config.origin[POPULATION])
    ensemble = fit_if_complete(root, num_members, corpus.valid.ids)
    if ensemble is None:
        context.say(f"{root} has members that are not finished; the last one fits the weights of the ensemble")
    else:
        context.say(
            f"{ensemble.describe()}\nevaluate it with: nextword evaluate {shlex.quote(str(root))} --ensemble\n"
            f"distill it with: nextword train {shlex.quote(corpus.stored_name)} --teacher {shlex.quote(str(root))}"
        )


def title_of(config: RunConfig, corpus: str) -> str:
    """Return the title of the curves of a run."""
    return f"{preset_of(config)} on {corpus}"


def preset_of(config: RunConfig) -> str:
    """Return the preset that a run began with; `model` if no preset did."""
    return config.origin.get("preset", "model")
