"""A bundle made to run without a training framework: `model.onnx` built, checked, and sealed with the rest."""

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from nextword.batching.window import TokenIds
from nextword.bundle.bundle import Bundle
from nextword.bundle.files import num_weight_bytes
from nextword.bundle.store import read_bundle, write_bundle
from nextword.engine.engine import Engine
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.errors import ExportError, SettingError
from nextword.evaluation.perplexity import evaluate
from nextword.export.export_options import ExportOptions
from nextword.export.export_report import ExportReport, Int8Cost, require_agreement, with_export_section
from nextword.export.keras_file import require_free_keras_path, write_keras_file
from nextword.export.language_model_graph import language_model_graph
from nextword.generation.generator import generate
from nextword.models.language_model import LanguageModel

_MOST_BYTES = 2**31 - 2**24  # a message of protocol buffers holds less than 2 GiB
_ROW_TOKENS = 1024
_MOST_ROWS = 32
_GENERATED_TOKENS = 128


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model that multiplies in int8, and holds its matrices and its embedding in eight bits.

    Each gate of each unit has a scale of its own, any other matrix one for all: the product of a single row with a
    large matrix is a fifth slower with a scale for each column, and the perplexity no better. What the matrices are
    multiplied by is rounded as it comes, to 256 steps.

    The weights themselves keep to 128 steps. On processors without instructions for neural networks (VNNI on x86-64),
    two products are added up in sixteen bits, where larger ones would overflow.
    """
    of_layers = _quantized(model, ["LSTM"], per_channel=True)
    return _quantized(of_layers, ["MatMul", "Gather"], per_channel=False)


def _quantized(model: onnx.ModelProto, operators: list[str], *, per_channel: bool) -> onnx.ModelProto:
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    add_pre_process_metadata(prepared)  # else the library advises to fuse and infer what is not there to be
    with tempfile.TemporaryDirectory(prefix="nextword-") as scratch:
        path = Path(scratch, "model.onnx")
        quantize_dynamic(
            prepared,
            path,
            op_types_to_quantize=operators,
            per_channel=per_channel,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            extra_options={"EnableSubgraph": True},
        )
        result = onnx.load(path)
    del result.metadata_props[:]
    for tensor in result.graph.initializer:
        tensor.ClearField("data_location")  # it says that the data are where they are
    return result


@dataclass(frozen=True)
class NamedText:
    """A text on which an exported model is tried.

    Attributes:
        name: What it is called in the report.
        ids: Its tokens `(N,)`.
    """

    name: str
    ids: TokenIds


def export_bundle(
    path: Path,
    options: ExportOptions,
    *,
    text: Callable[[Bundle], NamedText] | None = None,
    keras_path: Path | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> ExportReport:
    """Add `model.onnx` to a bundle, or replace the one that it has; on any error, the bundle is as it was.

    Args:
        path: The directory of the bundle.
        options: The precision, and what it may cost.
        text: Gives what the model is tried on; int8 needs one. Without it, the model is tried on what it writes itself.
        keras_path: Where to write a `.keras` file too.
        say: Told what is being done.

    Raises:
        BundleError: The directory is not a sound bundle.
        ExportError: What was exported is not what the model is, or int8 costs more than allowed.
        SettingError: int8 has no text to be measured on, the model is too large for one file, or `keras_path` cannot
            be written.
        StorageError: The disk refused.
    """
    if options.int8 and text is None:
        raise SettingError("int8 needs a text on which its cost is measured, but none was given; name one")
    if keras_path is not None:
        require_free_keras_path(keras_path)
    bundle = read_bundle(path)
    model = LanguageModel(bundle.architecture)
    model.set_named_weights(bundle.weights)
    data, report = exported(bundle, model, options, text=text(bundle) if text else None, say=say)
    card = with_export_section(bundle.card, report)
    if keras_path is not None:
        write_keras_file(keras_path, model)
    write_bundle(path, dataclasses.replace(bundle, card=card, onnx=data), replace=True)
    return report


def exported(
    bundle: Bundle,
    model: LanguageModel,
    options: ExportOptions,
    *,
    text: NamedText | None,
    say: Callable[[str], None],
) -> tuple[bytes, ExportReport]:
    """Return `model.onnx` for a bundle, whose model is given as well, and what its checks came to."""
    end_id = bundle.tokenizer.vocabulary.end_id
    original = KerasEngine(model, end_id=end_id)
    graph = _checked_graph(bundle)
    data = graph.SerializeToString()
    say("comparing with the Keras engine")
    engine = OnnxEngine(data, architecture=bundle.architecture, end_id=end_id)
    agreement = require_agreement(engine, original, _generated(engine) if text is None else text.ids)
    cost = None
    if options.int8 and text is not None:
        say("rounding to eight bits, and measuring what it costs")
        data = quantized(graph).SerializeToString()
        int8_engine = OnnxEngine(data, architecture=bundle.architecture, end_id=end_id)
        cost = _cost(engine, int8_engine, text, options)
    return data, ExportReport(num_bytes=len(data), agreement=agreement, int8_cost=cost)


def _checked_graph(bundle: Bundle) -> onnx.ModelProto:
    num_bytes = num_weight_bytes(bundle.architecture)
    if num_bytes > _MOST_BYTES:
        raise SettingError(
            f"a model must have at most {_MOST_BYTES / 1e9:.1f} GB of weights to be one ONNX file, but has "
            f"{num_bytes / 1e9:.1f}; train a smaller one"
        )
    graph = language_model_graph(bundle.architecture, bundle.weights)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _generated(engine: Engine) -> TokenIds:
    """Return a text that the model itself writes."""
    return np.fromiter(generate(engine, [], num_tokens=_GENERATED_TOKENS), np.int32)


def _cost(engine: Engine, int8_engine: Engine, text: NamedText, options: ExportOptions) -> Int8Cost:
    rows = max(1, min(_MOST_ROWS, len(text.ids) // _ROW_TOKENS))
    before, after = (evaluate(each, text.ids, batch_size=rows).perplexity for each in (engine, int8_engine))
    cost = Int8Cost(perplexity=before, int8_perplexity=after, num_tokens=len(text.ids), text=text.name)
    if not cost.percent <= options.max_loss_percent:
        raise ExportError(
            f"int8 must raise the perplexity by at most {options.max_loss_percent:g} %, but raises it by "
            f"{cost.percent:.2f} %, from {before:,.2f} to {after:,.2f} on {text.name}; export in float32, or allow "
            f"more by `--max-loss-percent {np.ceil(cost.percent):.0f}`"
        )
    return cost
