"""The numbers of nextword beside those that others compute: onnxruntime, and loops that follow the protocol.

Elsewhere: the page's JavaScript beside Python (`unit/display/page/test_engine_script.py`), Kneser-Ney beside its
equations and SRILM (`unit/engine/mixture/test_kneser_ney.py`), ARPA files beside KenLM (`test_arpa.py` there).
"""

import numpy as np
from numpy.typing import NDArray

from nextword.engine.keras_engine import KerasEngine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.export.language_model_graph import language_model_graph
from nextword.inference.evaluation.perplexity import evaluate
from nextword.inference.scoring.lines import score_sentences
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from support.random_weights import random_weights
from support.trust_cases import TrustCases, trust_amount

ARCHITECTURE = Architecture(vocabulary_size=50, embedding_size=6, hidden_sizes=(8,))
WEIGHTS = random_weights(ARCHITECTURE, scale=0.5)
END = 3


def keras_engine() -> KerasEngine:
    model = LanguageModel(ARCHITECTURE, compute_dtype="float32")
    model.set_named_weights(WEIGHTS)
    return KerasEngine(model, end_id=END)


def test_onnxruntime_scores_sentences_as_keras_does(trust_cases: TrustCases) -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(1, 40, size=trust_amount(200, 5_000)).tolist()
    sentences = [random.integers(50, size=length).astype(np.int32) for length in lengths]
    data = language_model_graph(ARCHITECTURE, WEIGHTS).SerializeToString()
    engines = keras_engine(), OnnxEngine(data, architecture=ARCHITECTURE, end_id=END)
    by_keras, by_onnx = (score_sentences(engine, sentences, first_input=END) for engine in engines)
    worst = [float(np.abs(a.log_probs - b.log_probs).max()) for a, b in zip(by_keras, by_onnx, strict=True)]
    trust_cases.add(len(worst), sum(error < 2e-5 for error in worst), max_onnx_error=max(worst))
    assert max(worst) < 2e-5


def perplexity_by_the_protocol(ids: NDArray[np.int32]) -> float:
    """Every token predicted once, the first from `<eos>`, the state carried from the first token to the last."""
    table, kernel, bias = (
        WEIGHTS[f"{name}"] for name in ("embedding/embeddings", "projection/kernel", "projection/bias")
    )
    own = {name.removeprefix("lstm_0/"): weight.astype(np.float64) for name, weight in WEIGHTS.items()}
    h, c, total = np.zeros(8), np.zeros(8), 0.0
    for read, target in zip([END, *ids[:-1]], ids, strict=True):
        gates = table[read] @ own["kernel"] + h @ own["recurrent_kernel"] + own["bias"]
        i, f, g, o = np.split(gates, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        logits = h @ kernel + bias
        total += logits[target] - np.log(np.exp(logits).sum())
    return float(np.exp(-total / len(ids)))


def test_a_perplexity_is_that_of_a_loop_over_the_protocol() -> None:
    ids = np.random.default_rng(1).integers(50, size=700).astype(np.int32)
    assert abs(evaluate(keras_engine(), ids).perplexity / perplexity_by_the_protocol(ids) - 1) < 1e-5
