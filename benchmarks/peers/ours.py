"""nextword, by the path of every training run: `LanguageModel`, `StreamModel`, windows, Keras's `fit`."""

from itertools import count
from typing import Any

import numpy as np

import nextword
from nextword.text.batching.window import make_windows
from nextword.text.options import BatchOptions
from nextword.training import require_framework
from peer_protocol import Run, serve

_WINDOWS_OF_TEXT = 100


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Build and compile the model, and cut a text of random words into windows."""
    import keras

    from keras_steps import StepTimer, describe
    from nextword.model.ops.precision import resolve_compute_dtype
    from nextword.training.step.step import RoundDataset
    from nextword.training.step.stream_model import StreamModel

    architecture = nextword.Architecture.from_table(settings["model"])
    options = BatchOptions.from_table(settings["batching"])
    dtype = resolve_compute_dtype(settings["compute_dtype"])
    model = nextword.LanguageModel(architecture, compute_dtype=dtype)
    stream = StreamModel(model, batch_size=options.batch_size)
    stream.compile(optimizer=keras.optimizers.Adam())

    num_tokens = _WINDOWS_OF_TEXT * options.batch_size * options.num_steps + 1
    ids = np.random.default_rng(0).integers(architecture.vocabulary_size, size=num_tokens, dtype=np.int32)
    windows = make_windows(ids, options, end_id=0)
    rounds = count()

    def run(steps: int) -> dict[str, list[float]]:
        timer = StepTimer()
        first = next(rounds) * steps
        dataset = RoundDataset(windows, range(first, first + steps))
        stream.fit(dataset, shuffle=False, verbose=0, callbacks=[timer])
        return {"step": timer.seconds}

    return describe(stream, dtype, nextword=nextword.__version__), run


if __name__ == "__main__":
    require_framework()  # before the protocol starts a thread, since memory is kept as before all threads of a run
    serve(prepare)
