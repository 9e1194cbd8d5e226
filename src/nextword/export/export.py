"""Export a bundle so that it runs without a training framework: build `model.onnx`, check it, and store it."""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime

from nextword.bundle.bundle import Bundle, require_weights
from nextword.bundle.files import num_weight_bytes
from nextword.bundle.onnx_file import OLDEST_ONNXRUNTIME, OPSET
from nextword.bundle.store import read_bundle, read_mixture, write_bundle
from nextword.engine.engine import Engine
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.errors import ExportError, SettingError
from nextword.export.language_model_graph import language_model_graph
from nextword.export.options import ExportOptions
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

TOLERANCE = 1e-4
"""The largest allowed difference between the log-probabilities of two engines that run one model."""

_SHAPE = (3, 24)
_MAX_TOKENS = 256

_HEADING = "\n## Export\n"


@dataclass(frozen=True)
class NamedText:
    """A text on which an exported model is tested."""

    name: str
    ids: TokenIds


class Agreement(NamedTuple):
    """The difference between two engines."""

    largest_difference: float  # the largest difference of a log-probability
    num_log_probs: int  # number of log-probabilities that were compared


def require_agreement(exported: Engine, original: Engine, text: TokenIds, tolerance: float = TOLERANCE) -> Agreement:
    """Compare the log-probabilities of all tokens after random ids and after a text, in windows and step by step.

    Raises:
        ExportError: A log-probability differs by more.
    """
    read = np.resize(text, max(2, min(len(text), _MAX_TOKENS)))  # a window of one token has no step before its last
    random_ids = np.random.default_rng(0).integers(original.vocabulary_size, size=_SHAPE, dtype=np.int32)
    parts = [np.ravel(_differences(exported, original, ids)) for ids in (random_ids, read[None])]
    differences = np.concatenate(parts)
    found = Agreement(float(differences.max()), differences.size)
    if not found.largest_difference <= tolerance:  # a NaN fails too
        raise ExportError(
            f"`model.onnx` must give the log-probabilities of the model to {tolerance:g}, but differs by up to "
            f"{found.largest_difference:.2g}; it was discarded, and the model is unchanged"
        )
    return found


def _differences(
    exported: Engine, original: Engine, ids: TokenIds
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the differences of the log-probabilities: those of the last token in a step, of the others in a window."""
    of_both = []
    for engine in (exported, original):
        window, state = engine.predict_window(ids[:, :-1], engine.start(len(ids)))
        last, _ = engine.step(ids[:, -1], state)
        of_both.append(np.concatenate((window.log_probs, last[:, None]), axis=1))
    return np.abs(of_both[0] - of_both[1])


@dataclass(frozen=True, kw_only=True)
class Int8Cost:
    """The cost of eight bits."""

    perplexity: float  # per token, in float32
    int8_perplexity: float  # per token, in int8
    num_tokens: int  # number of tokens that were predicted
    text: str  # the name of the text and its split

    @property
    def percent(self) -> float:
        """The rise of the perplexity in percent; negative if it fell."""
        return 100 * (self.int8_perplexity / self.perplexity - 1)

    def sentence(self) -> str:
        """Return the cost in a sentence."""
        return (
            f"In int8 the perplexity of {self.text} is {self.int8_perplexity:,.2f} instead of {self.perplexity:,.2f}, "
            f"{self.percent:+.2f}% ({self.num_tokens:,} tokens)."
        )


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The exported model and its checks."""

    num_bytes: int  # the size of `model.onnx`
    agreement: Agreement  # its difference from the Keras engine, in float32
    int8_cost: Int8Cost | None  # the cost of eight bits; `None` for a model in float32
    slim: bool = False  # whether the float32 weights were left out

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON; `int8` is `None` for float32."""
        return {
            "num_bytes": self.num_bytes,
            "largest_difference": self.agreement.largest_difference,
            "int8": None if self.int8_cost is None else {**asdict(self.int8_cost), "percent": self.int8_cost.percent},
        }

    def sentences(self) -> list[str]:
        """Return the report in sentences."""
        precision = "float32" if self.int8_cost is None else "int8"
        oldest = ".".join(map(str, OLDEST_ONNXRUNTIME))
        what = (
            f"model.onnx holds the model in {precision}, {self.num_bytes / 1e6:.1f} MB: opset {OPSET}, for onnxruntime "
            f"{oldest} or newer; tested with {onnxruntime.__version__}."
        )
        close = (
            "In float32 its log-probabilities differ from the Keras engine's by at most "
            f"{self.agreement.largest_difference:.1g} ({self.agreement.num_log_probs:,} compared, on random tokens and "
            "on a text)."
        )
        said = [what, close]
        if self.int8_cost is not None:
            said.append(self.int8_cost.sentence())
        if self.slim:
            said.append("The float32 weights were left out: the model runs in onnxruntime only.")
        return said


def with_export_section(card: str, report: ExportReport) -> str:
    """Return a model card with the result of an export as its last section, in place of a former one."""
    former, _, _ = card.partition(_HEADING)
    return f"{former.rstrip()}\n{_HEADING}\n" + "\n".join(f"- {sentence}" for sentence in report.sentences()) + "\n"


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
    result = replace(bundle, card=with_export_section(bundle.card, report), onnx=data)
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
