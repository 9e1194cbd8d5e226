"""`nextword ngram`: train an n-gram model, and write it as an ARPA file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nextword.bundle.origin import is_arpa
from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile, require_unread
from nextword.cli.options.run_options import complete_text
from nextword.cli.options.setting_option import JsonOptions, Tables, argument, data_dir_option, given_settings, option
from nextword.cli.output.console import reading_progress, waiting
from nextword.cli.output.messages import say
from nextword.display.table import table_lines
from nextword.engine.mixture.arpa import arpa_words, write_arpa
from nextword.engine.mixture.interpolated_model import contexts_of
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.errors import SettingError
from nextword.settings import setting
from nextword.system.strict_json import finite
from nextword.text.corpus import Corpus
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import TextOptions, TokenizerKind
from nextword.text.tokens.vocabulary import END, UNKNOWN

_LONGEST = 16

_NOTE = "words are split at spaces; to compare perplexities with `nextword train`, give `--tokenizer word`"


@dataclass(frozen=True, kw_only=True)
class _TextOptions(TextOptions):
    """How the text is read; unlike in training, pretokenized by default."""

    tokenizer: TokenizerKind = setting("pretokenized", help="How to split text into tokens.")


_SHORT = (
    "tokenizer",
    "line_ends",
    "maximum_vocabulary",
    "minimum_count",
    "valid_fraction",
    "test_fraction",
    "on_bad_bytes",
    "field",
)
"""The settings that the short help shows."""


@dataclass(frozen=True, kw_only=True)
class _NgramOptions(JsonOptions):
    text: str = argument(complete=complete_text)
    order: int = option(5, help="Length of the longest n-grams.", at_least=1, at_most=_LONGEST)
    arpa: Path | None = option(
        None, help="Write the model as an ARPA file, gzipped if FILE ends in .gz.", type=OutputFile()
    )
    data_dir: Path | None = data_dir_option()


@command(
    _NgramOptions,
    _TextOptions,
    short=_SHORT,
    examples=[
        "nextword ngram my-text.txt",
        "nextword ngram my-text.txt --order 3 --arpa my-text.arpa",
        "nextword ngram austen --tokenizer word --json",
    ],
)
def ngram(options: _NgramOptions, given: Tables) -> None:
    """Train an n-gram model, and write it as an ARPA file.

    The command prints the perplexity of the model on the valid and test splits of TEXT. The smoothing is interpolated
    modified Kneser-Ney, as in `lmplz` of KenLM. Each line is a sentence, and words are separated by spaces, unless
    --tokenizer is given. KenLM, SRILM and most decoders read the ARPA file. `nextword train` mixes n-grams with the
    network.
    """
    order, arpa = options.order, options.arpa
    require_unread((arpa,), (options.text,))
    if arpa is not None and arpa.is_file() and not is_arpa(arpa):
        raise SettingError(f"`{arpa}` must be an ARPA file to be replaced, but is another file; name another one")
    with reading_progress():
        corpus = Corpus.load(options.text, given_settings(given, _TextOptions), data_dir=options.data_dir)
    if "tokenizer" not in given.get(TextOptions.group, {}) and corpus.stored_name not in ("ptb", "wikitext-2"):
        say(f"hint: {_NOTE}")
    vocabulary = corpus.tokenizer.vocabulary
    words = None if arpa is None else arpa_words(vocabulary.tokens, end=END, unknown=UNKNOWN)
    with waiting(f"counting n-grams of up to {order} tokens"):
        model = KneserNeyModel.fit(corpus.train.ids, order, vocabulary_size=len(vocabulary), end_id=vocabulary.end_id)
    table: dict[str, Any] = {
        "text": corpus.name,
        "order": order,
        "tokenizer": corpus.tokenizer.kind,
        "vocabulary_size": len(vocabulary),
        "num_ngrams": [len(vocabulary) + 1, *model.num_ngrams[1:]],  # with `<s>`, as in the file
        "splits": {
            name: _measured(model, corpus.split(name), vocabulary.end_id, vocabulary.unknown_id)
            for name in ("valid", "test")
        },
        "arpa": None if arpa is None else str(arpa),
    }
    if arpa is not None and words is not None:
        with waiting(f"writing {arpa}"):
            write_arpa(arpa, model, words, end_id=vocabulary.end_id)
    options.show(table, "\n".join(_lines(table)))


def _measured(model: KneserNeyModel, store: TokenStore, end_id: int, unknown_id: int) -> dict[str, Any]:
    """Return the perplexity of a split, over all tokens and over those that are not `<unk>`."""
    ids = np.asarray(store.ids)
    log_probs = np.log(model.token_probabilities(contexts_of(ids, model.order, end_id=end_id), ids))
    known = log_probs[ids != unknown_id]
    return {
        "perplexity": finite(float(np.exp(-log_probs.mean()))),
        "perplexity_without_unknown": finite(float(np.exp(-known.mean()))) if known.size else None,
        "num_tokens": len(ids),
        "num_unknown": len(ids) - len(known),
    }


def _lines(table: dict[str, Any]) -> list[str]:
    rows = [("split", "perplexity", "without <unk>", "tokens", "<unk>")]
    for name, split in table["splits"].items():
        shown = ("" if value is None else f"{value:.2f}" for value in [*split.values()][:2])
        rows.append((name, *shown, f"{split['num_tokens']:,}", f"{split['num_unknown']:,}"))
    sizes = ", ".join(f"{count:,}" for count in table["num_ngrams"])
    facts = f"({table['vocabulary_size']:,} words; n-grams of length 1 to {table['order']}: {sizes})"
    return [*table_lines(rows, "<>>>>"), facts, *([f"model:  {table['arpa']}"] if table["arpa"] else [])]
