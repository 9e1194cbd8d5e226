"""Which library runs a model: a bundle opened, and an engine chosen for it."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import read_bundle
from nextword.engine.engine import Engine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.text_model import LoadedModel
from nextword.errors import BundleError, MissingExtraError, SettingError
from nextword.settings import unknown_name

if TYPE_CHECKING:
    from nextword.engine.keras_engine import KerasEngine

EngineName = Literal["auto", "onnx", "keras"]

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
"""How a model may be run; `auto` takes `model.onnx` if it and onnxruntime are there, and Keras if not."""


def start_engine(bundle: Bundle, engine: EngineName = "auto", *, num_threads: int | None = None) -> LoadedModel:
    """Return the model of a bundle, running.

    Args:
        bundle: The model.
        engine: One of `ENGINES`.
        num_threads: Threads of onnxruntime for one call; Keras takes what its backend takes.

    Raises:
        BundleError: The model was not exported, and onnxruntime was asked for; it is slim, and Keras was asked for; or
            its `model.onnx` is refused.
        MissingExtraError: Nothing that could run it is installed.
        SettingError: There is no engine of that name, or `num_threads` is below 1.
    """
    if engine not in ENGINES:
        raise SettingError(unknown_name("engine", engine, ENGINES))
    if engine == "onnx" and bundle.onnx is None:
        raise BundleError(
            f"`{bundle.name}` must hold `model.onnx` to be run by onnxruntime, but does not; make one by "
            "`nextword export`, or take the engine keras"
        )
    prefers_keras = engine == "auto" and not bundle.is_slim and not _is_installed("onnxruntime")
    if engine == "keras" or bundle.onnx is None or prefers_keras:
        return LoadedModel(_keras_engine(bundle), bundle)
    end_id = bundle.tokenizer.vocabulary.end_id
    onnx = OnnxEngine(bundle.onnx, architecture=bundle.architecture, end_id=end_id, num_threads=num_threads)
    return LoadedModel(onnx, bundle, "onnxruntime", onnx.precision)


def open_model(path: Path, engine: EngineName = "auto", *, num_threads: int | None = None) -> LoadedModel:
    """Read a bundle and start it; see `start_engine`.

    Raises:
        BundleError: The directory is not a sound bundle, or was not exported, and onnxruntime was asked for.
        MissingExtraError: Nothing that could run it is installed.
        SettingError: There is no engine of that name, or `num_threads` is below 1.
    """
    defer_weights = engine != "keras" and _is_installed("onnxruntime")
    return start_engine(read_bundle(path, defer_weights=defer_weights), engine, num_threads=num_threads)


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


def require_jax_engine(engine: Engine, method: str) -> "KerasEngine":
    """Return the engine as one over a Keras model that runs on JAX.

    Raises:
        MissingExtraError: Keras is missing.
        SettingError: It is another engine, or runs on another backend.
    """
    try:
        from nextword.engine.keras_engine import KerasEngine, require_jax
    except ImportError as error:
        raise MissingExtraError.of(f"`{method}` needs Keras and JAX", error.name, "train") from error
    if not isinstance(engine, KerasEngine):
        raise SettingError(
            f"`{method}` must go around the Keras model itself, but was given the engine {type(engine).__name__}; "
            "name it first, and one such method alone; an exported model is run by Keras with `--engine keras`"
        )
    require_jax(f"`{method}`")
    return engine
