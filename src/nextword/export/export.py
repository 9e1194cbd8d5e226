"""Export a bundle so that it runs without a training framework: build `model.onnx`, check it, and store it."""

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from nextword.bundle.bundle import Bundle, require_weights
from nextword.bundle.files import num_weight_bytes
from nextword.bundle.store import read_bundle, read_mixture, write_bundle
from nextword.engine.engine import Engine
from nextword.engine.keras.keras_engine import KerasEngine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.errors import ExportError, SettingError
from nextword.export.language_model_graph import language_model_graph
from nextword.export.options import ExportOptions
from nextword.export.report import ExportReport, Int8Cost, require_agreement, with_export_section
from nextword.inference.evaluation.perplexity import evaluate
from nextword.inference.generation.generator import generate
from nextword.inference.generation.sampling import SamplingOptions
from nextword.model.language_model import LanguageModel
from nextword.system.files import disk_errors
from nextword.text.batching.window import TokenIds

_MAX_BYTES = 2**31 - 2**24  # a protocol-buffer message holds less than 2 GiB
_ROW_TOKENS = 1024
_MAX_ROWS = 32
_GENERATED_TOKENS = 128


@dataclass(frozen=True)
class NamedText:
    """A text on which an exported model is tested."""

    name: str
    ids: TokenIds


def export_bundle(
    path: Path,
    options: ExportOptions,
    *,
    output: Path | None = None,
    text: Callable[[Bundle], NamedText] | None = None,
    keras_path: Path | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> ExportReport:
    """Add `model.onnx` to a bundle or replace it there, or write the exported model as a new bundle.

    After an error, the bundle is as it was, and there is no new one.

    Args:
        path: The directory of the bundle.
        options: The precision, its allowed cost, and whether the float32 weights are left out.
        output: The directory of the new bundle; without it, the bundle at `path` is replaced.
        text: Returns the text on which the model is tested; required for int8. Without it, the model is tested on text
            that it generates.
        keras_path: A `.keras` file to write as well.
        say: Receives a line for each step.

    Raises:
        BundleError: The directory is not a sound bundle, or holds no float32 weights.
        ExportError: The exported model differs from the model, or int8 costs more than allowed.
        SettingError: int8 has no text to be measured on, a slim model has no `output`, the model is too large for one
            file, or `keras_path` cannot be written.
        StorageError: `output` exists, or the disk refused.
    """
    _check(options, has_text=text is not None, output=output)
    if keras_path is not None:
        require_free_keras_path(keras_path)
    bundle = read_bundle(path)
    if bundle.is_slim:
        require_weights(bundle.name)
    model = LanguageModel(bundle.architecture)
    model.set_named_weights(bundle.weights)
    data, report = exported(bundle, model, options, text=text(bundle) if text else None, say=say)
    result = dataclasses.replace(bundle, card=with_export_section(bundle.card, report), onnx=data)
    if keras_path is not None:
        write_keras_file(keras_path, model)
    if output is None:
        if read_mixture(path) != (bundle.mixture and bundle.mixture.facts):
            raise ExportError(f"`{path}` must stay as it is while it is exported, but changed; export it again")
        write_bundle(path, result, replace=True)
    else:
        write_bundle(output, result.to_slim() if options.slim else result)
    return report


def _check(options: ExportOptions, *, has_text: bool, output: Path | None) -> None:
    if options.int8 and not has_text:
        raise SettingError("int8 needs a text on which its cost is measured, but none was given; name one")
    if options.slim and output is None:
        raise SettingError(
            "`--slim` needs `--output`, because the model itself would lose its float32 weights; name a new directory "
            "by `--output DIR`"
        )
    if output is not None and output.exists(follow_symlinks=False):
        raise SettingError(f"`--output` must name a new directory, but `{output}` exists already; choose another name")


def exported(
    bundle: Bundle,
    model: LanguageModel,
    options: ExportOptions,
    *,
    text: NamedText | None,
    say: Callable[[str], None],
) -> tuple[bytes, ExportReport]:
    """Return `model.onnx` for a bundle and its model, with the results of its checks."""
    end_id = bundle.tokenizer.vocabulary.end_id
    original = KerasEngine(model, end_id=end_id)
    graph = _checked_graph(bundle)
    data = graph.SerializeToString()
    say("comparing with the Keras engine")
    engine = OnnxEngine(data, architecture=bundle.architecture, end_id=end_id)
    agreement = require_agreement(engine, original, _generated(engine) if text is None else text.ids)
    cost = None
    if options.int8 and text is not None:
        say("rounding to eight bits and measuring the cost")
        data = language_model_graph(bundle.architecture, bundle.weights, int8=True).SerializeToString()
        int8_engine = OnnxEngine(data, architecture=bundle.architecture, end_id=end_id)
        cost = _cost(engine, int8_engine, text, options)
    return data, ExportReport(num_bytes=len(data), agreement=agreement, int8_cost=cost, slim=options.slim)


def _checked_graph(bundle: Bundle) -> onnx.ModelProto:
    num_bytes = num_weight_bytes(bundle.architecture)
    if num_bytes > _MAX_BYTES:
        raise SettingError(
            f"a model must have at most {_MAX_BYTES / 1e9:.1f} GB of weights to be one ONNX file, but has "
            f"{num_bytes / 1e9:.1f}; train a smaller one"
        )
    graph = language_model_graph(bundle.architecture, bundle.weights)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _generated(engine: Engine) -> TokenIds:
    options = SamplingOptions(seed=0)
    return np.fromiter(generate(engine, [], num_tokens=_GENERATED_TOKENS, options=options), np.int32)


def _cost(engine: Engine, int8_engine: Engine, text: NamedText, options: ExportOptions) -> Int8Cost:
    rows = max(1, min(_MAX_ROWS, len(text.ids) // _ROW_TOKENS))
    before, after = (evaluate(each, text.ids, batch_size=rows).perplexity for each in (engine, int8_engine))
    cost = Int8Cost(perplexity=before, int8_perplexity=after, num_tokens=len(text.ids), text=text.name)
    if not cost.percent <= options.max_loss_percent:
        raise ExportError(
            f"int8 must raise the perplexity by at most {options.max_loss_percent:g} %, but raises it by "
            f"{cost.percent:.2f} %, from {before:,.2f} to {after:,.2f} on {text.name}; export in float32, or allow "
            f"more by `--max-loss-percent {np.ceil(cost.percent):.0f}`"
        )
    return cost


def require_free_keras_path(path: Path) -> None:
    """Raise `SettingError` if no `.keras` file can be written."""
    if path.suffix != ".keras":
        raise SettingError(f"a file for Keras must end in `.keras`, but `{path}` does not; rename it")
    if path.exists(follow_symlinks=False):
        raise SettingError(f"`{path}` exists already; choose another name, or move it away")
    if not path.absolute().parent.is_dir():
        raise SettingError(f"`{path}` must be in a folder that exists, but its folder is missing; make it first")


def write_keras_file(path: Path, model: LanguageModel) -> None:
    """Save a model with Keras. `keras.saving.load_model` reads it after `from nextword import LanguageModel`."""
    require_free_keras_path(path)
    partial = path.with_name(f".{path.stem}-{secrets.token_hex(6)}.keras")
    with disk_errors(path, "written"):
        try:
            model.save(partial)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
