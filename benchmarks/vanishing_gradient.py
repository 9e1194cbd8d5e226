"""Measure and draw how far back a gradient reaches in a simple recurrent network, a GRU and an LSTM.

python benchmarks/vanishing_gradient.py --plot docs/images/vanishing-gradient.svg --json vanishing-gradient.json

One layer over the novels that come with nextword. A text is read for 101 steps, and the loss of the last prediction
alone is differentiated with respect to the hidden state (and an LSTM's cell) at every step before it. The same is done
after a short training. See docs/learn/recurrent-networks.md.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np

import nextword
from harness.chart import require_chart
from harness.charts import CELLS, PANELS, gradient_chart
from harness.report import json_option, reporting
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.system.files import write_file
from nextword.text.batching.window import Streams, Window
from nextword.text.options import TextOptions
from nextword.training.step.step import as_batch
from nextword.training.step.stream_model import StreamModel

LAGS, ROWS = 100, 64
WIDTH, BATCH_SIZE, NUM_STEPS, TRAINING_STEPS = 128, 32, 50, 600


def measure() -> dict[str, Any]:
    """Return the mean norm of the gradient at each lag `(LAGS + 1,)`, by panel and curve."""
    corpus = nextword.Corpus.load("austen", TextOptions(maximum_vocabulary=5000))
    end_id, vocabulary_size = corpus.tokenizer.vocabulary.end_id, corpus.tokenizer.vocabulary_size
    probe = Streams(corpus.valid.ids, batch_size=ROWS, num_steps=LAGS + 1, first_input=end_id).window(0)
    train = Streams(corpus.train.ids, batch_size=BATCH_SIZE, num_steps=NUM_STEPS, first_input=end_id)
    curves: dict[str, Any] = {panel: {} for panel in PANELS}
    for cell in CELLS:
        options: dict[str, Any] = {"cell": cell, "vocabulary_size": vocabulary_size, "embedding_size": WIDTH}
        options |= {"hidden_sizes": (WIDTH,), "tied": True}
        narrow = LanguageModel(Architecture(**options, initializer="uniform", initializer_scale=0.08))
        model = LanguageModel(Architecture(**options, initializer_scale=0.5))
        curves["uniform"] |= gradient_norms(narrow, probe)
        curves["orthogonal"] |= gradient_norms(model, probe)
        train_shortly(model, train)
        curves["trained"] |= gradient_norms(model, probe)
    return curves


def train_shortly(model: LanguageModel, windows: Streams) -> None:
    """Train a model for `TRAINING_STEPS` windows."""
    import keras

    stream = StreamModel(model, batch_size=BATCH_SIZE)
    stream.compile(optimizer=keras.optimizers.Adam(2e-3, global_clipnorm=1.0))
    for step in range(TRAINING_STEPS):
        stream.train_on_batch(*as_batch(windows.window(step)))


def gradient_norms(model: LanguageModel, window: Window) -> dict[str, list[float]]:
    """Return the norms of the gradient of the last loss, a mean over rows, for lags 0, 1, ..., `LAGS`."""
    import jax
    import jax.numpy as jnp

    layer, cell = model.stack.recurrent_layers[0], model.architecture.cell

    def last_losses(nudges: Any) -> Any:
        """Return the sum of the losses at the last step, with `nudges` added to the state after each step."""

        def step(state: Any, at_t: Any) -> Any:
            tokens, nudge = at_t
            _, state = layer(model.embedding(tokens)[:, None], state)
            state = type(state)(*(array + change for array, change in zip(state, nudge, strict=False)))
            return state, state.hidden

        state, _ = jax.lax.scan(step, model.initial_state(ROWS)[0], (window.inputs.T, nudges))
        targets = window.targets[:, -1:]
        return model.token_losses(state.hidden[:, None], targets, jnp.ones(targets.shape)).total

    nudges = jnp.zeros((LAGS + 1, 2, ROWS, WIDTH))
    norms = np.asarray(jnp.linalg.norm(jax.jit(jax.grad(last_losses))(nudges), axis=-1).mean(axis=-1))[::-1]
    curves = {cell: norms[:, 0].tolist()}
    return curves | ({"lstm cell": norms[:, 1].tolist()} if cell == "lstm" else {})


@click.command(help=__doc__)
@click.option("--plot", "plot_path", type=click.Path(path_type=Path, dir_okay=False), help="Draw to an .svg file.")
@json_option
def vanishing_gradient(plot_path: Path | None, json_path: Path | None) -> None:
    """Measure, print a line for each curve, and draw."""
    with reporting("vanishing_gradient", json_path) as report:
        require_chart(plot_path)
        curves = measure()
        for panel, norms_by_curve in curves.items():
            for curve, norms in norms_by_curve.items():
                first = norms_by_curve[curve.split()[0]][0]
                shares = {str(lag): norms[lag] / first for lag in (1, 10, 30, 100) if lag < len(norms)}
                report.add("curve", panel=panel, curve=curve, shares=shares, norms=norms)
        if plot_path is not None:
            write_file(plot_path, gradient_chart(curves).encode())


if __name__ == "__main__":
    vanishing_gradient()
