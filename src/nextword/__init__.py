"""LSTM language models trained on your own text, on your machine.

    import nextword

    model = nextword.train("my-text.txt", minutes=10)
    model.suggest("I am very much", k=5)
    model.save("my-model")
    model = nextword.load("my-model")

Names are imported when they are first used, so `import nextword` is instant and needs no training framework.
"""

import os
from importlib import import_module

from nextword.version import __version__ as __version__

with open(f"{__file__}i", encoding="utf-8") as _stub:  # noqa: PTH123 - pathlib would double the time of this import
    _HOMES = {words[3]: words[1] for words in map(str.split, _stub) if words[:1] == ["from"]}
"""The module of each public name. The stub is the only list of them."""

__all__ = list(_HOMES)

# Keras reads this when it is first imported; without it, it would look for TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")

# onnxruntime reads this when it is first imported: it would send data about its use to Microsoft. 0 allows that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# jaxlib reads this when it is first imported; without it, a lost process would hide our error under a C++ stack trace.
# JAX sets 1, which a process inherits from one that has imported JAX.
if {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"} & os.environ.keys():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1").replace("1", "4")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'nextword' has no attribute {name!r}")
    home = _HOMES[name]
    return import_module(f"nextword.{name}") if home == "nextword" else getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
