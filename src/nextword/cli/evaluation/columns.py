"""What stands side by side in an evaluation: a model or an ensemble, in one way to use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nextword.bundle.origin import Origin, is_model_at
from nextword.bundle.origin_text import OriginText
from nextword.cli.options.target import open_origin, target_path
from nextword.cli.output.console import read_split
from nextword.engine.text_model import LoadedModel
from nextword.errors import MissingExtraError, SettingError
from nextword.inference.evaluation.text_evaluation import EvaluatedMethod
from nextword.text.batching.window import TokenIds
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import OnBadBytes
from nextword.text.sources.names import SplitOrAll
from nextword.text.sources.samples import SAMPLES


@dataclass(frozen=True)
class EvaluationInput:
    """A model, and the text that it is to read."""

    path: str
    text: OriginText
    split: SplitOrAll
    weights: Mapping[str, float | None] = field(
        default_factory=dict
    )  # of its mixture, by name, if others are asked for

    @cached_property
    def model(self) -> LoadedModel:
        """The model, started when it is first asked for."""
        model = open_origin(self.text.origin)
        return model if set(self.weights.values()) <= {None} else model.with_weights(**self.weights)

    def store(self, split: SplitOrAll) -> TokenStore:
        """Return a split of the text."""
        return read_split(self.text, split, self.model.tokenizer)

    def training_ids(self) -> TokenIds:
        """Return the ids of the train split, which is not the split to evaluate."""
        if self.split in ("all", "train"):
            raise SettingError(
                f"`--split` must be valid or test for a method that reads the train split as well, but is "
                f"`{self.split}`; give `--split test`"
            )
        return self.store("train").ids


@dataclass(frozen=True)
class Column:
    """One way to predict a text."""

    label: str  # what is shown above it
    method: EvaluatedMethod
    inputs: tuple[EvaluationInput, ...]  # the model, or the members of the ensemble

    @property
    def first(self) -> EvaluationInput:
        """The model, or the first member of the ensemble; the others read the same text."""
        return self.inputs[0]

    @property
    def models(self) -> list[LoadedModel]:
        """The model, or the members of the ensemble."""
        return [each.model for each in self.inputs]


_OF_A_MODEL: Mapping[str, Any] = {
    "tokenizer": "auto",
    "line_ends": "auto",
    "maximum_vocabulary": None,
    "minimum_count": 1,
    "field": "text",
}
"""Settings of a text in which models of one split may differ."""


def inputs_of(
    arguments: Sequence[str],
    split: SplitOrAll | None,
    data_dir: Path | None,
    on_bad_bytes: OnBadBytes | None,
    weights: Mapping[str, float | None],
) -> list[EvaluationInput]:
    """Return the models that a command line names, each with the text that ends it, or the text of the runs."""
    paths = list(arguments)
    # The last of several arguments is a model if one is there, and the text if not; `austen` there is the text.
    has_text = len(paths) > 1 and (paths[-1] in SAMPLES or not is_model_at(Path(paths[-1])))
    text = paths.pop() if has_text else None
    texts = [OriginText(Origin.of(target_path(path)), text, data_dir, on_bad_bytes) for path in paths]
    known = {each.source for each in texts}
    if text is None and len(known) > 1:
        raise SettingError(
            f"TEXT must be given if the models do not come from one text, but they come from "
            f"{' and '.join(sorted(map(str, known)))}"
        )
    if len({each.options.replace(**_OF_A_MODEL) for each in texts}) > 1:
        raise SettingError(
            f"models must read the same part of a text, but these have read or split `{texts[0].source}` in different "
            "ways, such as by `test_fraction` or `deduplicate`; name another TEXT, such as a folder of its splits"
        )
    found: SplitOrAll = "all" if all(each.default_split == "all" for each in texts) else "test"  # one for all models
    return [EvaluationInput(path, each, split or found, weights) for path, each in zip(paths, texts, strict=True)]


def columns_of(
    inputs: Sequence[EvaluationInput],
    methods: Sequence[EvaluatedMethod],
    *,
    as_ensemble: bool,
    only_used: bool = False,
) -> list[Column]:
    """Return a column for each model, or for the ensemble of all, and each method.

    Without methods, the network of each model is a column, and the model as it is used if that is another one; with
    `only_used`, the latter alone.
    """
    if as_ensemble and len(inputs) < 2:
        raise SettingError("`--ensemble` needs at least two models, but was given one; name more")
    if as_ensemble and "mixture" in methods:
        raise SettingError(
            "`--method mixture` is for one model, but `--ensemble` averages networks; leave one of them out"
        )
    groups = [tuple(inputs)] if as_ensemble else [(each,) for each in inputs]
    named = [(members, method) for members in groups for method in methods or _uses(members, only_used=only_used)]
    is_one_each = len(named) == len(groups)
    columns = []
    for members, method in named:
        names = [*(["ensemble"] if as_ensemble else []), *([] if as_ensemble and method == "static" else [method])]
        shown, path = "as used" if method == "mixture" else ",".join(names), members[0].path
        label = shown if len(groups) == 1 else path if is_one_each else f"{path} {shown}"
        columns.append(Column(label, method, members))
    return columns


def _uses(members: Sequence[EvaluationInput], *, only_used: bool) -> list[EvaluatedMethod]:
    """Return the ways in which a model is evaluated if no methods are named; an ensemble has networks only."""
    if len(members) > 1 or members[0].model.method == "static":
        return ["static"]
    return ["mixture"] if only_used else ["static", "mixture"]


def require_same_words(columns: Sequence[Column]) -> None:
    """Raise if models read different words as `<unk>`, which makes a text easier for the one that knows fewer."""
    if len({column.first.model.tokenizer.fingerprint for column in columns}) == 1:
        return
    stores = [column.first.store(column.first.split) for column in columns]
    unknown = [store.report.num_out_of_vocabulary for store in stores]
    if any(unknown):
        raise SettingError(
            "`--significance` needs models of one vocabulary if a text has words beyond it, but these read "
            f"{' and '.join(f'{number:,}' for number in unknown)} words as `<unk>`; train them with the same text "
            "settings, or with `--tokenizer subword`"
        )


def require_comparable(columns: Sequence[Column], batch_size: int) -> None:
    """Raise if columns cannot be compared, whatever they read."""
    if len(columns) < 2:
        raise SettingError(
            "`--significance` needs two columns to compare, but there is one; name another model, or another `--method`"
        )
    if find_spec("scipy") is None:
        raise MissingExtraError.of("comparing models needs SciPy", None, "train")
    if batch_size != 1:
        raise SettingError(f"`--batch-size` must be 1 for `--significance`, but is {batch_size}; leave it out")
