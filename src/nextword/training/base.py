"""The base of a run: the trained model that its weights and its vocabulary start from."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from nextword.bundle.bundle import Bundle
from nextword.bundle.files import encode_weights
from nextword.bundle.origin import SAMPLE_LICENSES, Origin, find_model, run_of, sample_model_name
from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.store import read_bundle, write_bundle
from nextword.errors import NextwordError, SettingError
from nextword.model.architecture import ModelOptions
from nextword.training.config import REGULARIZATION, RunConfig

_RATE_OF_BASE = 0.5
"""The learning rate of the preset `auto` is multiplied by this: trained weights need smaller steps than random ones."""


@dataclass(frozen=True, eq=False)
class Base:
    """A trained model that a run starts from."""

    bundle: Bundle  # the model; it may be slim
    text: str = ""  # the names of its text and of the texts of its own bases; empty if none is known
    license: str = ""  # the license of the sample model that it comes from; empty if it comes from none

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the model of a run, a bundle or a sample."""
        root = find_model(path)
        origin, sample = Origin.of_bundle(root), sample_model_name(root)
        before = RunConfig.of_run(RunDirectory(origin.run)).origin if origin.run else {}
        texts = [Path(origin.text or "").name, before.get("base_text", "")]
        rights = SAMPLE_LICENSES[sample] if sample else before.get("base_license", "")
        return cls(read_bundle(root), ", ".join(filter(None, texts)), rights)

    @property
    def sha256(self) -> str:
        """SHA-256, in hexadecimal, of the file of its weights: `weights.safetensors`, or `model.onnx` if it is slim."""
        bundle = self.bundle
        content = bundle.onnx if bundle.is_slim and bundle.onnx else encode_weights(bundle.weights)
        return hashlib.sha256(content).hexdigest()

    def settled(self, config: RunConfig) -> RunConfig:
        """Return the settings of a run from this base: the network and the kind of tokens are its own.

        Raises:
            SettingError: Another kind of tokenizer was given, or the base has an output that cannot be extended.
        """
        given, kind = config.given, self.bundle.tokenizer.kind
        if config.text.tokenizer not in ("auto", kind):
            raise SettingError(
                f"`tokenizer` must be {kind}, as the words of the base were made, but is {config.text.tokenizer}; "
                "leave it out, or choose another base"
            )
        start = config.training.start
        if start == "random":
            if "start" in given.get("training", {}):
                raise SettingError("`start` must be counts or mean with `base`, but is random; leave it out")
            start = "counts"
        training = config.training.replace(start=start)
        if config.preset == "auto":
            rates = {"learning_rate": _RATE_OF_BASE * training.learning_rate, "embedding_rate_ratio": 1.0}
            own = given.get("training", {})
            training = training.replace(**{name: rate for name, rate in rates.items() if name not in own})
        origin = {"base_name": self.bundle.name, "base_sha256": self.sha256}
        origin |= {"base_text": self.text} if self.text else {}
        origin |= {"base_license": self.license} if self.license else {}
        return replace(
            config,
            text=config.text.replace(tokenizer=kind),
            training=training,
            model=self._network(config.model),
            origin={**config.origin, **origin},
        )

    def _network(self, options: ModelOptions) -> ModelOptions:
        """Return the options of the base with the dropout rates of others."""
        own = self.bundle.architecture.options
        return own.replace(**{name: getattr(options, name) for name in REGULARIZATION})


def base_of(config: RunConfig, base: Base | None = None) -> tuple[RunConfig, Base | None]:
    """Return the settled settings of a new run and its base, if it has one."""
    if config.training.base is None:
        return config, None
    base = base or Base.open(config.training.base)
    return base.settled(config), base


def card_rows(config: RunConfig) -> dict[str, str]:
    """Return what the model card says about the base and the teacher of a run; empty if it has none."""
    titles = {
        "base_name": "started from",
        "base_sha256": "fingerprint of the base",
        "base_text": "text of the base",
        "base_license": "rights in the base",
        "teacher_sha256": "fingerprint of the teacher",
    }
    return {title: config.origin[name] for name, title in titles.items() if name in config.origin}


def chain_of(config: RunConfig) -> list[str]:
    """Return the names of the base of a run, of the base of that one, and so on, as far as they are still there."""
    names, paths = list[str](), set[str]()
    path = config.training.base
    while path is not None and path not in paths:
        paths.add(path)
        names.append((run_of(Path(path)) or Path(path)).name)
        directory, path = RunDirectory(run_of(Path(path)) or Path(path)), None
        with suppress(NextwordError):  # what is not there any more, or damaged, ends the chain
            path = RunConfig.of_run(directory).training.base
    return names


def read_start(directory: RunDirectory) -> Bundle | None:
    """Return the start of a run that has a base: its own vocabulary and weights before the first step."""
    return read_bundle(directory.start) if directory.start.is_dir() else None


def write_start(directory: RunDirectory, start: Bundle) -> None:
    """Write the start of a run, from which it resumes without its base."""
    write_bundle(directory.start, start, replace=True)
