"""The model card: what a model is, what it was made from and how, how good it is, and how it is used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nextword.architecture import CELLS, Architecture, ModelOptions
from nextword.bundle.files import num_weight_bytes

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~&$])")

_DROPOUT_RATES = {
    "embedding_dropout_rate": "words",
    "input_dropout_rate": "input",
    "hidden_dropout_rate": "between layers",
    "output_dropout_rate": "output",
    "latent_dropout_rate": "latent",
    "state_dropout_rate": "state",
    "weight_drop_rate": "recurrent weights",
}

_COMMANDS = """\
nextword suggest MODEL "the text so far" -k 5
nextword generate MODEL --prompt "Once upon a time" --max-tokens 50
nextword evaluate MODEL TEXT --split test"""

_PYTHON = """\
import nextword

model = nextword.load("MODEL")
model.suggest("the text so far", k=5)"""


@dataclass(frozen=True, kw_only=True)
class SplitMetrics:
    """What was measured on one split.

    Attributes:
        split: `train`, `valid` or `test`.
        perplexity: Of a token.
        bits_per_word: Cross-entropy in bits, over the words of the text.
        accuracy: Part of the tokens that the first guess had right, 0 to 1.
        num_tokens: How many tokens were predicted.
        protocol: One sentence: what was counted, and how the state was carried.
    """

    split: str
    perplexity: float
    bits_per_word: float
    accuracy: float
    num_tokens: int
    protocol: str


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a model card tells.

    Attributes:
        name: The name of the bundle.
        architecture: What the model is.
        corpus: The name of the text that it was trained on.
        corpus_sha256: SHA-256 of the splits' own, in hexadecimal; see `Corpus.sha256`.
        tokenizer_kind: How text was cut into tokens.
        command: The command that made it, as it would be typed.
        seed: The seed of that run.
        date: The day of it, as `2018-03-04`.
        versions: Of the software, by name.
        metrics: What was measured, a row for each split.
    """

    name: str
    architecture: Architecture
    corpus: str
    corpus_sha256: str
    tokenizer_kind: str
    command: str
    seed: int
    date: str
    versions: Mapping[str, str]
    metrics: Sequence[SplitMetrics]


def model_card(facts: ModelFacts) -> str:
    """Return the model card in Markdown; text in `facts` comes out as text, whatever marks it holds."""
    cell = CELLS[facts.architecture.cell].title
    origin_rows = [
        ["trained on", facts.corpus],
        ["SHA-256 of its splits' SHA-256", facts.corpus_sha256],
        ["date", facts.date],
        ["seed", str(facts.seed)],
        ["software", ", ".join(f"{name} {version}" for name, version in sorted(facts.versions.items()))],
    ]
    sections = [
        f"# {_plain(facts.name)}",
        f"A language model ({cell}): it gives each word of its vocabulary a probability of being the next one.",
        _table(["what", "value"], [*network_facts(facts.architecture, facts.tokenizer_kind).items()]),
        "## Origin",
        _table(["what", "value"], origin_rows),
        "It was made by this command:",
        _fenced(facts.command, "sh"),
        "## Figures",
        figures_table(facts.metrics),
        "## Use",
        "On the command line, where `MODEL` is the path of this directory:",
        _fenced(_COMMANDS, "sh"),
        "From Python:",
        _fenced(_PYTHON, "python"),
        "The files are verified by `MANIFEST.json` when the model is read, and nothing in them is ever run.",
    ]
    return "\n\n".join(sections) + "\n"


def network_facts(options: ModelOptions, tokenizer_kind: str) -> dict[str, str]:
    """Return what a network is, by name; vocabulary and parameters are known of an `Architecture` alone."""
    facts = {
        "embedding": f"{options.embedding_size:,}{', shared with the output' if options.tied else ''}",
        f"{CELLS[options.cell].title} layers": ", ".join(f"{size:,}" for size in options.hidden_sizes),
        "dropout": _dropout(options),
    }
    if not isinstance(options, Architecture):
        return facts
    return {
        "vocabulary": f"{options.vocabulary_size:,} tokens, {tokenizer_kind}",
        **facts,
        "parameters": f"{options.num_parameters:,} ({num_weight_bytes(options) / 1e6:.1f} MB)",
    }


def _dropout(options: ModelOptions) -> str:
    """Return the rates that are not zero, each with its name."""
    rates = ((title, getattr(options, name)) for name, title in _DROPOUT_RATES.items())
    shown = [f"{title} {rate:g}" for title, rate in rates if rate]
    if shown and options.locked_dropout:
        shown.append("one mask for all steps of a window")
    return ", ".join(shown) or "none"


def figures_table(metrics: Sequence[SplitMetrics]) -> str:
    """Return what was measured as a table in Markdown, with the protocol of each split below it."""
    if not metrics:
        return "None were measured."
    table = _table(
        ["split", "perplexity", "bits per word", "accuracy", "tokens"],
        [
            [of.split, f"{of.perplexity:,.2f}", f"{of.bits_per_word:.3f}", f"{of.accuracy:.2%}", f"{of.num_tokens:,}"]
            for of in metrics
        ],
    )
    splits_of: dict[str, list[str]] = {}
    for row in metrics:
        splits_of.setdefault(row.protocol, []).append(row.split)
    protocols = [f"Protocol of {' and '.join(splits)}: {_plain(said)}" for said, splits in splits_of.items()]
    return "\n\n".join([table, *protocols])


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _plain(text: str) -> str:
    """Return `text` on one line, its marks escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
