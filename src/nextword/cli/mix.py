"""`nextword mix`: n-grams and a cache for a model that was trained already."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from nextword.bundle.bundle import Bundle
from nextword.bundle.files import max_ngram_bytes
from nextword.bundle.model_card import with_mixture_section
from nextword.bundle.origin import refuse_sample, run_of
from nextword.bundle.origin_text import OriginText
from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.store import read_bundle, write_bundle
from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import DIRECTORY
from nextword.cli.options.setting_option import option
from nextword.cli.options.target import OriginTextOptions, engine_option, open_origin
from nextword.cli.output.console import read_split, waiting
from nextword.display.table import table_lines
from nextword.engine.engine import Engine
from nextword.engine.mixture.mixture_engine import MixtureEngine, parts_of
from nextword.engine.mixture.tuning import Effort, fitted_mixture
from nextword.engine.opening import EngineName
from nextword.errors import SettingError
from nextword.inference.evaluation.perplexity import perplexity_in_rows
from nextword.text.encoding.token_store import TokenStore


@dataclass(frozen=True, kw_only=True)
class _MixOptions(OriginTextOptions):
    remove: bool = option(False, help="Take the mixture out of the model.")
    output: Path | None = option(
        None, "-o", help="Write the model to this new directory.", type=DIRECTORY, unset="RUN_OR_MODEL itself"
    )
    engine: EngineName = engine_option()


@command(
    _MixOptions,
    examples=[
        "nextword mix austen austen -o austen-mixed",
        "nextword mix runs/demo my-text.txt -o runs/demo-for-me",
        "nextword mix runs/demo --remove",
    ],
)
def mix(options: _MixOptions) -> None:
    """Fit the mixture of a model, or take it out.

    The mixture is what a model mixes with its network at work: n-grams of the training split of TEXT (default: the text
    of the run) and a cache of recent words. The valid split decides how much of each; what does not help is left out.
    The network stays as it is. `nextword train` ends with the same.

    The n-grams are pieces of TEXT. Anyone who has the model can read them.
    """
    if options.output is None:
        refuse_sample(options.run_or_model)
    elif options.output.exists(follow_symlinks=False):
        raise SettingError(f"`--output` must be a new directory, but `{options.output}` exists; name another one")
    if options.remove and options.text is not None:
        raise SettingError("`--remove` takes the mixture out and reads no TEXT; leave one of them out")
    text = options.origin_text
    path, bundle = options.output or text.origin.bundle, read_bundle(text.origin.bundle)
    if options.remove:
        _write(path, bundle.without_mixture(), options)
        removed = bundle.mixture is not None
        said = f"{path}: {'the network alone now' if removed else 'it had no mixture'}"
        options.show({"model": str(path), "removed": removed}, said)
        return
    result = _Mixed.of(bundle, open_origin(text.origin, "static").engine, text)
    _write(path, result.bundle, options)
    options.show(result.to_table(path), result.describe(path))


def _write(path: Path, bundle: Bundle, options: _MixOptions) -> None:
    if options.output is None and (run := run_of(path)) is not None:
        RunDirectory(run).drop_figures_as_used()
    write_bundle(path, bundle, replace=options.output is None)


class _Mixed(NamedTuple):
    bundle: Bundle
    facts: dict[str, str]
    static: float
    used: float

    @classmethod
    def of(cls, bundle: Bundle, engine: Engine, text: OriginText) -> Self:
        train, valid, test = (read_split(text, split, bundle.tokenizer) for split in ("train", "valid", "test"))
        with waiting("fitting the mixture"):
            most = max_ngram_bytes(bundle.architecture)
            fitted = fitted_mixture(engine, train.ids, valid.ids, max_bytes=most, effort=Effort())
        static = _perplexity(engine, test)
        if fitted.mixture is None:
            return cls(bundle.without_mixture(), {}, static, static)
        used = _perplexity(MixtureEngine(engine, parts_of(fitted.mixture)), test)
        gain = f"{used:,.2f} as used, {static:,.2f} static, on the test split of {text.name}"
        facts = {**fitted.facts, "perplexity": gain}
        card = with_mixture_section(bundle.card, facts)
        return cls(replace(bundle, mixture=fitted.mixture, card=card), facts, static, used)

    def describe(self, path: Path) -> str:
        if not self.facts:
            return f"{path}: the network alone, since neither n-grams nor a cache help on valid"
        return "\n".join([f"{path}", *(f"  {line}" for line in table_lines(self.facts.items()))])

    def to_table(self, path: Path) -> dict[str, Any]:
        mixture = self.bundle.mixture
        return {
            "model": str(path),
            "mixture": mixture and {"settings": mixture.settings.to_table(), "num_ngrams": mixture.facts.num_ngrams},
            "perplexity": self.static,
            "perplexity_as_used": self.used,
        }


def _perplexity(engine: Engine, store: TokenStore) -> float:
    with waiting("evaluating test"):
        return perplexity_in_rows(engine, store.ids)[0]
