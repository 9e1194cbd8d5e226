"""Train the tutorial's forty epochs, and validate both as the tutorial does and with the state carried.

    pip install matplotlib
    python examples/forty_epochs.py ptb --run runs/forty                      # the tutorial's windows, no state carried
    python examples/forty_epochs.py ptb --run runs/carried --windows streams  # parallel streams, the state carried

After Ctrl-C, run the same command again to resume. The tutorial validates in windows of 20 x 30 words, each of which
begins with an empty state. After every epoch this is measured here too, beside nextword's own validation, which reads
the continuous text and carries the state. `RUN/forty-epochs.svg` shows both beside the tutorial's figures.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import nextword
from nextword.errors import NextwordError, TrainingInterrupted
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import make_windows
from nextword.text.corpus import Corpus
from nextword.text.options import BatchOptions
from nextword.training.step.step import RoundDataset
from nextword.training.step.stream_model import StreamModel

TUTORIAL_WINDOWS = BatchOptions(windows="successive", batch_size=20, num_steps=30)
PERPLEXITIES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
CLAIMED_TRAIN_ACCURACY = 0.40
CLAIMED_VALID_ACCURACY = (0.20, 0.25)
MAIN_COLOR, QUIET_COLOR, MARK_COLOR = "#1f5fbf", "#8a8f98", "#c2410c"

Table = dict[int, dict[str, float]]


def validation_in_windows(model: LanguageModel, corpus: Corpus, path: Path) -> Any:
    """Return a Keras callback that validates in the tutorial's windows after each round.

    Args:
        model: In training.
        corpus: Whose validation split is read.
        path: File of the figures, one line of JSON per round; a round that is trained again replaces its line.
    """
    import keras

    windows = make_windows(corpus.valid.ids, TUTORIAL_WINDOWS, end_id=corpus.tokenizer.vocabulary.end_id)
    reader = StreamModel(model, batch_size=TUTORIAL_WINDOWS.batch_size)
    reader.compile(optimizer="sgd")

    def validate(epoch: int, _logs: Mapping[str, Any] | None) -> None:
        figures = reader.evaluate(RoundDataset(windows, range(windows.steps_per_epoch)), verbose=0, return_dict=True)
        table = read_lines(path)
        table[epoch + 1] = {"perplexity": figures["perplexity"], "accuracy": figures["accuracy"]}
        lines = [json.dumps({"round": number, **row}) for number, row in sorted(table.items())]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return keras.callbacks.LambdaCallback(on_epoch_end=validate)


def read_lines(path: Path) -> Table:
    """Return the lines of a log by round; empty if there is no log yet."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {int(row.pop("round")): row for row in map(json.loads, lines)}


def draw(log: Table, in_windows: Table, path: Path) -> None:
    """Draw accuracy and perplexity by epoch, and the accuracies that the tutorial reports."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    draw_panels(figure.subplots(1, 2), log, in_windows)
    figure.savefig(path)


def draw_panels(panels: Sequence[Any], log: Table, in_windows: Table) -> None:
    """Draw both panels."""
    epochs = [row["epoch"] for row in log.values()]
    accuracy, perplexity = panels
    for panel, name, factor in ((accuracy, "accuracy", 100.0), (perplexity, "perplexity", 1.0)):
        read = [in_windows.get(number, {}).get(name, float("nan")) for number in log]
        trained = [factor * row[f"train_{name}"] for row in log.values()]
        carried = [factor * row[f"valid_{name}"] for row in log.values()]
        panel.plot(epochs, trained, color=QUIET_COLOR, label="train (dropout on)")
        panel.plot(epochs, [factor * value for value in read], color=MARK_COLOR, label="valid, the tutorial's windows")
        panel.plot(epochs, carried, color=MAIN_COLOR, label="valid, state carried")
        panel.set_xlabel("epochs")
        panel.grid(color="#d9d3c7", linewidth=0.8)
    low, high = (100 * bound for bound in CLAIMED_VALID_ACCURACY)
    accuracy.axhspan(low, high, color="#fde68a", alpha=0.5, label="the tutorial's valid, 20 to 25 %")
    accuracy.axhline(100 * CLAIMED_TRAIN_ACCURACY, color=QUIET_COLOR, linestyle=":", label="the tutorial's train, 40 %")
    accuracy.set_ylabel("accuracy, %")
    accuracy.legend(frameon=False, fontsize=8)
    perplexity.set_ylabel("perplexity")
    perplexity.set_yscale("log")
    drawn = perplexity.get_ylim()
    perplexity.set_yticks(PERPLEXITIES, [f"{tick:,}" for tick in PERPLEXITIES])
    perplexity.minorticks_off()
    perplexity.set_ylim(drawn)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save the model with the best weights, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", help="a folder with train, valid and test files, a file, or a sample")
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints, log, model and picture")
    parser.add_argument("--windows", choices=("successive", "streams"), default="successive", help="what to train on")
    parser.add_argument("--epochs", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compute-dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    asked = parser.parse_args(arguments)
    corpus = Corpus.load(asked.text)
    size = corpus.tokenizer.vocabulary_size
    options = {"vocabulary_size": size, "seed": asked.seed, "compute_dtype": asked.compute_dtype}
    model = LanguageModel.from_preset("tutorial", **options)
    asked.run.mkdir(parents=True, exist_ok=True)
    in_windows = asked.run / "in-windows.jsonl"
    nextword.train(
        corpus,
        model=model,
        preset="tutorial",
        epochs=asked.epochs,
        settings={"windows": asked.windows},
        run=asked.run,
        callbacks=[validation_in_windows(model, corpus, in_windows)],
        verbose=0,
    )
    draw(read_lines(asked.run / "log.jsonl"), read_lines(in_windows), asked.run / "forty-epochs.svg")


if __name__ == "__main__":
    try:
        main()
    except NextwordError as error:
        print(f"forty_epochs: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except TrainingInterrupted as stop:
        print(f"forty_epochs: {stop}; the same command resumes", file=sys.stderr)
        sys.exit(128 + stop.signal_number)
