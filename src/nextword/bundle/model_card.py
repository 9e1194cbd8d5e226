"""The model card: what a model is, how it was trained, how good it is, and how to use it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nextword.bundle.files import num_weight_bytes
from nextword.bundle.mixture import MixtureFacts
from nextword.model.architecture import Architecture, ModelOptions
from nextword.model.cells import CELLS

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~&$])")

_DROPOUT_RATES = {
    "embedding_dropout_rate": "words",
    "input_dropout_rate": "input",
    "hidden_dropout_rate": "between layers",
    "output_dropout_rate": "output",
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
    """The figures of one split."""

    split: str  # `train`, `valid` or `test`
    perplexity: float
    bits_per_character: float  # cross-entropy in bits per character of the text, with every word spelled
    accuracy: float  # fraction of tokens that the most probable prediction got right, 0 to 1
    num_tokens: int  # number of tokens that were predicted
    num_out_of_vocabulary: int  # how many of them the vocabulary lacks
    protocol: str  # one sentence: which tokens count, and how the state is carried
    perplexity_as_used: float | None = None  # per token, with the mixture of the model; `None` if it was not measured
    protocol_as_used: str = ""  # how that was measured


def summary_of(metrics: Sequence[SplitMetrics]) -> str:
    """Return figures in a few words: bits per character first if words are unknown, for they are spelled there."""
    are_known = not any(row.num_out_of_vocabulary for row in metrics)
    bits = [] if are_known else [f"{row.split} {row.bits_per_character:.3f}" for row in metrics]
    static = [f"{row.split} {row.perplexity:,.2f}" for row in metrics]
    used = [f"{row.split} {row.perplexity_as_used:,.2f} as used" for row in metrics if row.perplexity_as_used]
    spelled = f"bits per character: {', '.join(bits)}; " if bits else ""
    return f"{spelled}perplexity: {', '.join([*static, *used])}"


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """The content of a model card."""

    name: str
    architecture: Architecture
    corpus: str
    corpus_sha256: str  # SHA-256 of the splits' SHA-256 digests, in hexadecimal; see `Corpus.sha256`
    tokenizer_kind: str
    command: str  # the command that trained the model, as it would be typed
    seed: int
    date: str  # the day of the training run, such as `2018-03-04`
    versions: Mapping[str, str]
    metrics: Sequence[SplitMetrics]
    mixture: Mapping[str, str] = field(default_factory=dict)  # the properties of the mixture; see `mixture_facts`
    # What the model was started from and taught by, as rows of the table of its origin.
    base: Mapping[str, str] = field(default_factory=dict)


def model_card(facts: ModelFacts) -> str:
    """Return the model card in Markdown. Text in `facts` is escaped, so Markdown in it has no effect."""
    cell = CELLS[facts.architecture.cell].title
    origin_rows = [
        ["trained on", facts.corpus],
        ["text fingerprint", facts.corpus_sha256],
        *map(list, facts.base.items()),
        ["date", facts.date],
        ["seed", str(facts.seed)],
        ["software", ", ".join(f"{name} {version}" for name, version in sorted(facts.versions.items()))],
    ]
    sections = [
        f"# {_plain(facts.name)}",
        f"A language model ({cell}). It predicts the next word: it gives each word of its vocabulary a probability.",
        _table(["property", "value"], [*network_facts(facts.architecture, facts.tokenizer_kind).items()]),
        "## Origin",
        _table(["property", "value"], origin_rows),
        "This command trained the model:",
        _fenced(facts.command, "sh"),
        "## Figures",
        figures_table(facts.metrics),
        *_mixture_section(facts.mixture),
        "## Use",
        "On the command line, with the path of the model as `MODEL`:",
        _fenced(_COMMANDS, "sh"),
        "From Python:",
        _fenced(_PYTHON, "python"),
        "nextword checks the SHA-256 of every file of a model, and never runs code from it.",
    ]
    return "\n\n".join(sections) + "\n"


def network_facts(options: ModelOptions, tokenizer_kind: str) -> dict[str, str]:
    """Return the properties of a network, by name. Only an `Architecture` knows its vocabulary and its parameters."""
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
        "parameters": f"{options.num_parameters:,} ({num_weight_bytes(options) / 1e6:.1f} MB in float32)",
    }


def mixture_facts(mixture: MixtureFacts, *, counted_tokens: int = 0, pruning_cost: float = 0.0) -> dict[str, str]:
    """Return the properties of a mixture, by name.

    `pruning_cost` says by which fraction the perplexity on valid is higher than with all n-grams.
    """
    settings, facts = mixture.settings, dict[str, str]()
    if settings.ngram_weight:
        counts = [f"{count:,} of {length} tokens" for length, count in enumerate(mixture.num_ngrams, 2)]
        origin = f"{counted_tokens:,} tokens of the training text" if counted_tokens else "the training text"
        facts["n-grams"] = f"weight {settings.ngram_weight:g}; {', '.join(counts)}, from {origin}"
    if counted_tokens:
        facts["left out n-grams"] = f"with them too, the perplexity on valid would be {pruning_cost:.1%} lower"
    if settings.cache_weight:
        delay = f" without the latest {settings.cache_delay:,}" if settings.cache_delay else ""
        decay = f", decay {settings.cache_decay:g}" if settings.cache_decay else ""
        facts["cache"] = (
            f"weight {settings.cache_weight:g} of {settings.cache_size:,} tokens{delay}, "
            f"theta {settings.cache_theta:g}{decay}, sentinel {settings.cache_sentinel:g}"
        )
    if any(mixture.gates):
        facts["weights"] = "rise and fall with what was read"
    return facts


_MIXTURE_TITLE, _AS_USED = "## Mixture", "As used"
_SAID_OF_MIXTURE = (
    "At work, this is mixed with the network, unless the method is static. It was tuned on the validation split."
)
_REVEALED = (
    "The n-grams are pieces of the training text, up to five tokens long. Anyone who has the model can read them. "
    "`nextword mix MODEL --remove` takes them out."
)


def _mixture_section(facts: Mapping[str, str]) -> list[str]:
    if not facts:
        return []
    said = [_SAID_OF_MIXTURE, _REVEALED] if "n-grams" in facts else [_SAID_OF_MIXTURE]
    return [_MIXTURE_TITLE, _table(["property", "value"], [*facts.items()]), *said]


def with_mixture_section(card: str, facts: Mapping[str, str]) -> str:
    r"""Return a card that tells another mixture, or none without facts, and no longer what the former one brings."""
    sections = re.split(r"(?m)^(?=## )", _without_figures_as_used(card))
    others = [section for section in sections if not section.startswith(f"{_MIXTURE_TITLE}\n")]
    if not facts:
        return "".join(others)
    place = next((number for number, section in enumerate(others) if section.startswith("## Use")), len(others))
    own, rest = "\n\n".join(_mixture_section(facts)), "".join(others[place:])
    return f"{''.join(others[:place]).rstrip()}\n\n{own}\n" + (f"\n{rest}" if rest else "")


def _without_figures_as_used(card: str) -> str:
    """Return a card without the column of `figures_table` that tells what the mixture brings, and its protocol."""
    card = re.sub(rf"(?m)^{_AS_USED}, on .*\n\n", "", card)
    table = re.search(r"(?m)^\| split \|.*\n(?:\|.*\n)+", card)
    rows = [line.split(" | ") for line in table[0].splitlines()] if table else [[]]
    if table is None or _AS_USED.lower() not in rows[0]:
        return card
    place = rows[0].index(_AS_USED.lower())
    lines = "".join(" | ".join([*row[:place], *row[place + 1 :]]) + "\n" for row in rows)
    return card[: table.start()] + lines + card[table.end() :]


def _dropout(options: ModelOptions) -> str:
    rates = ((title, getattr(options, name)) for name, title in _DROPOUT_RATES.items())
    shown = [f"{title} {rate:g}" for title, rate in rates if rate]
    if shown and options.locked_dropout:
        shown.append("one mask for all steps of a window")
    return ", ".join(shown) or "none"


def figures_table(metrics: Sequence[SplitMetrics]) -> str:
    """Return the figures as a table in Markdown, with the protocol of each split below it."""
    if not metrics:
        return "No figures were measured."
    columns: dict[str, Callable[[SplitMetrics], str]] = {
        "split": lambda of: of.split,
        "bits per character": lambda of: f"{of.bits_per_character:.3f}",
        "perplexity": lambda of: f"{of.perplexity:,.2f}",
        _AS_USED.lower(): lambda of: "" if of.perplexity_as_used is None else f"{of.perplexity_as_used:,.2f}",
        "accuracy": lambda of: f"{of.accuracy:.2%}",
        "tokens": lambda of: f"{of.num_tokens:,}",
        "unknown": lambda of: f"{of.num_out_of_vocabulary / of.num_tokens:.1%}",
    }
    if not any(of.num_out_of_vocabulary for of in metrics):
        del columns["bits per character"], columns["unknown"]
    if not any(of.perplexity_as_used for of in metrics):
        del columns[_AS_USED.lower()]
    table = _table([*columns], [[cell(of) for cell in columns.values()] for of in metrics])
    splits_of: dict[str, list[str]] = {}
    for row in metrics:
        splits_of.setdefault(row.protocol, []).append(row.split)
    protocols = [f"Protocol of {' and '.join(splits)}: {_plain(said)}" for said, splits in splits_of.items()]
    used = {row.protocol_as_used: row.split for row in metrics if row.perplexity_as_used}
    protocols += [f"{_AS_USED}, on {split}: {_plain(said)}" for said, split in used.items()]
    return "\n\n".join([table, *protocols])


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
