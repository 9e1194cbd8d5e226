"""Opens a bundle and chooses the engine that runs its model."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import read_bundle
from nextword.engine.engine import Engine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.text_model import LoadedModel, UsedMethod
from nextword.errors import BundleError, MissingExtraError, SettingError
from nextword.settings import unknown_name

EngineName = Literal["auto", "onnx", "keras"]

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
"""The engines. `auto` uses onnxruntime if it is installed and the bundle has `model.onnx`, and Keras otherwise."""


def start_engine(
    bundle: Bundle, engine: EngineName = "auto", *, num_threads: int | None = None, method: UsedMethod = "mixture"
) -> LoadedModel:
    """Return the model of a bundle, ready to run.

    Args:
        bundle: The model.
        engine: One of `ENGINES`.
        num_threads: Threads of onnxruntime for one call; Keras ignores it.
        method: One of `USED_METHODS` of `nextword.engine.text_model`.

    Raises:
        BundleError: `engine` is "onnx" but the bundle has no `model.onnx`, it is "keras" but the bundle is slim, or
            `model.onnx` is invalid.
        MissingExtraError: No library that can run the model is installed.
        SettingError: The engine or the method is unknown, or `num_threads` is below 1.
    """
    if engine not in ENGINES:
        raise SettingError(unknown_name("engine", engine, ENGINES))
    return _started(bundle, engine, num_threads).using(method)


def _started(bundle: Bundle, engine: EngineName, num_threads: int | None) -> LoadedModel:
    """Return a model with the network alone."""
    if engine == "onnx" and bundle.onnx is None:
        raise BundleError(
            f"`{bundle.name}` must contain `model.onnx` to run with onnxruntime, but does not; create it with "
            "`nextword export`, or use the engine keras"
        )
    prefers_keras = engine == "auto" and not bundle.is_slim and not _is_installed("onnxruntime")
    if engine == "keras" or bundle.onnx is None or prefers_keras:
        return LoadedModel(_keras_engine(bundle), bundle)
    end_id = bundle.tokenizer.vocabulary.end_id
    onnx = OnnxEngine(bundle.onnx, architecture=bundle.architecture, end_id=end_id, num_threads=num_threads)
    return LoadedModel(onnx, bundle, "onnxruntime", onnx.precision)


def open_model(
    path: Path, engine: EngineName = "auto", *, num_threads: int | None = None, method: UsedMethod = "mixture"
) -> LoadedModel:
    """Read a bundle and start its engine; see `start_engine`."""
    defer_weights = engine != "keras" and _is_installed("onnxruntime")
    bundle = read_bundle(path, defer_weights=defer_weights)
    return start_engine(bundle, engine, num_threads=num_threads, method=method)


def _keras_engine(bundle: Bundle) -> Engine:
    try:
        from nextword.engine.keras_engine import KerasEngine
    except ImportError as error:
        if bundle.onnx is not None and not _is_installed("onnxruntime"):
            raise MissingExtraError.of(f"running `{bundle.name}` needs onnxruntime", None, "run") from error
        missing = MissingExtraError.of(f"running `{bundle.name}` needs Keras and JAX", error.name, "train")
        if bundle.onnx is None:
            raise MissingExtraError(
                f"{missing}; or export the model where they are installed (`nextword export`), and install the extra "
                "`run` here"
            ) from error
        raise missing from error
    return KerasEngine.of(bundle)


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None
