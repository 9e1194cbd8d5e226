"""`nextword compare`: predicted against actual words."""

from dataclasses import dataclass
from itertools import islice

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import option
from nextword.cli.options.target import OriginTextOptions, engine_option, method_option, open_origin, split_option
from nextword.cli.output.console import read_split
from nextword.engine.opening import EngineName
from nextword.engine.text_model import UsedMethod
from nextword.inference.evaluation.comparison import ComparedWord, render_comparison
from nextword.inference.evaluation.comparison import compare as compare_tokens
from nextword.text.sources.names import SplitOrAll
from nextword.text.tokens.encoded_lines import written_tokens


@dataclass(frozen=True, kw_only=True)
class _CompareOptions(OriginTextOptions):
    split: SplitOrAll | None = split_option()
    skip: int = option(0, help="Number of tokens to skip first.", at_least=0)
    max_tokens: int = option(10, help="Number of tokens to show.", at_least=1)
    method: UsedMethod = method_option()
    engine: EngineName = engine_option()


@command(
    _CompareOptions,
    examples=[
        "nextword compare austen",
        "nextword compare runs/demo --split valid --max-tokens 20",
    ],
)
def compare(options: _CompareOptions) -> None:
    """Show predicted words next to actual words.

    TEXT is the text to read (default: the text of the run). For each token the table shows what the model predicted
    instead, the rank of the actual token among all predictions (1 is best), and its surprisal in bits.
    """
    read = options.origin_text
    split, model = options.split or read.default_split, open_origin(read.origin, options.method)
    store = read_split(read, split, model.tokenizer)
    unknown_id = model.tokenizer.unknown_id_in(store.report.num_out_of_vocabulary)
    most = min(options.max_tokens, max(1, store.num_tokens - options.skip))
    tokens = compare_tokens(model.engine, store.ids, skip=options.skip, max_tokens=most, unknown_id=unknown_id)
    lines = read.lines(split, pretokenized=model.tokenizer.kind == "pretokenized")
    written = islice(written_tokens(model.tokenizer, lines), tokens[0].position, None)
    words = [ComparedWord.of(token, model.tokenizer, piece) for token, (piece, _) in zip(tokens, written, strict=False)]
    hits = sum(token.rank == 1 for token in tokens)
    shown = [*render_comparison(words), "", f"{hits} of {len(tokens)} predicted correctly"]
    options.show({"split": split, "words": [word.to_table() for word in words]}, "\n".join(shown))
