"""Pin what nextword computes, and compare the bits of two commits on one machine.

    git worktree add ../before COMMIT
    .venv/bin/python scripts/pin.py ../before > before.json
    .venv/bin/python scripts/pin.py --compare before.json > after.json

Standard output is a JSON object with one line for each pin. A pin is a SHA-256 sum or a small value:

    {
    "gru/checkpoint": "5f0c1a...",
    "gru/resumed is the same": true,
    "quick/keras evaluate used": "a41b77...",
    ...
    }

`--compare` lists the pins that differ on standard error, and exits with 1. Compare runs of one machine only: another
processor computes other bits. The script uses commands, files and the names that `nextword` exports. It imports no
module of the package, so that modules can move.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

type Pins = dict[str, str | bool]
type Job = Callable[["Workplace", str], Pins]

_CLOCK = frozenset(("second", "seconds", "minutes", "time", "date", "speed", "pace", "began", "ended", "duration"))
"""Words in the names of what the clock decides, in logs and in reports."""

_SIZES = ("--embedding-size", "16", "--batch-size", "8", "--num-steps", "10", "--compute-dtype", "float32")
_QUICK = ("--preset", "quick", *_SIZES, "--hidden-sizes", "24,16", "--epochs", "4")
_DEEP = (*_SIZES, "--hidden-sizes", "24,24,16", "--epochs", "4")
_TRAINING_RUNS: dict[str, tuple[str, ...]] = {
    "quick": _QUICK,
    "gru": (*_QUICK, "--cell", "gru"),
    "subword": (*_QUICK, "--tokenizer", "subword", "--maximum-vocabulary", "400"),
    "awd-lstm": ("--preset", "awd-lstm", *_DEEP),
    "tutorial": ("--preset", "tutorial", *_SIZES, "--hidden-sizes", "16,16", "--epochs", "3"),
    "two-tailed": (*_QUICK, "--averaging", "two_tailed"),
    "sampled": (*_QUICK, "--sampled-softmax", "64", "--averaging", "exponential", "--start", "random"),
    "modulated": (*_QUICK, "--state-modulation", "--weight-decay", "0.01"),
    "shuffled": (
        *(*_QUICK, "--shuffle", "partial", "--variable-num-steps", "--weight-drop-rate", "0.2"),
        "--locked-dropout",
    ),
    "rnn-step": (*_QUICK, "--cell", "rnn", "--schedule", "step", "--constant-epochs", "2", "--optimizer", "sgd"),
    "bfloat16": (*_QUICK, "--compute-dtype", "bfloat16"),
}
_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_PLAN = (420, 500, 560, 530, 530)
"""Steps in all as planned before each round of 150 steps: the plan changes twice, and the last round is short."""

_USES = """
evaluate static = evaluate {model} text --json
evaluate used = evaluate {model} text --json --method mixture
evaluate weights = evaluate {model} text --json --ngram-weight 0 --cache-weight 0.1
score lines = score {model} text/test.txt --summary-output >{made}-score.json
score tokens = score {model} text/test.txt --tokens --json
score carried = score {model} text/test.txt --carry --no-bos --no-eos
suggest = suggest {model} "She was very" -k 9 --json
complete = suggest {model} "She was ve" --complete --json
interactive = suggest {model} --interactive --user-words >{made}-words.json --json
generate = generate {model} --prompt "She was" --max-tokens 30 --seed 3 --top-k 50 --repetition-penalty 1.2
generate many = generate {model} --prompts prompts.txt --max-tokens 20 --seed 3 --temperature 0.9 --top-p 0.9 --json
generate best = generate {model} --max-tokens 20 --seed 3 --best-of 3 --typical-p 0.8 --min-p 0.01 --json
beam = generate {model} --prompt "She was" --beam-size 3 --max-tokens 12 --json
beam forbidden = generate {model} --prompt "She was" --beam-size 4 --max-tokens 12 --forbid the --json
compare = compare {model} text --skip 3
"""
"""Commands that any engine runs; a pin is made of their output, and of the files whose names stand after `>`."""
_KERAS_USES = """
evaluate dynamic = evaluate {model} text --json --method dynamic
"""
_KERAS_METHODS = """
evaluate dynamic of pieces = evaluate {model} text --json --method dynamic --dynamic-segment-length 40
"""
_PAIRS = """
ensemble = evaluate {model}-float32 {model}-int8 text --json --ensemble
significance = evaluate {model}-float32 {model}-int8 text --json --significance
"""

_COMMAND = "from nextword.cli.main import main; main()"
_COMMANDS = """
import contextlib, io, json, sys, traceback
from nextword.cli.main import main

steps, results = json.loads(sys.argv[1]), []
for arguments in steps:
    out, err, code = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO(), 0
    sys.argv[1:], sys.stdin = arguments, open("typed.txt")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            code = "a traceback"
            traceback.print_exc()
    results.append([code, out.buffer.getvalue().decode(), err.getvalue()])
print(json.dumps(results))
"""
_MODULES = """
import json, sys
from nextword.cli.main import main

try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)))
"""
_API = """
import dataclasses, json
import nextword
from nextword import kenlm

corpus = nextword.Corpus.load("text")
model = nextword.LanguageModel.from_preset("quick", vocabulary_size=corpus.tokenizer.vocabulary_size)
settings = {"batch_size": 8, "num_steps": 10, "round_steps": 20}
fitted = nextword.train(corpus, model=model, preset="quick", epochs=0.25, settings=settings, verbose=0)
fitted.save("api-model")
trained, line = nextword.load("api-model"), "She was very much obliged."
session = trained.session()
session.type("She was ve")
found = {
    "perplexity": trained.perplexity(corpus.test, spell=False),
    "perplexity static": trained.evaluate(corpus.test, method="static").perplexity,
    "suggest": trained.suggest("She was very", k=5),
    "complete": trained.complete("She was ve", k=5),
    "session": session.suggestions(k=3),
    "generate": trained.generate("She was", max_tokens=20, seed=1),
    "generate texts": trained.generate_many(["She was"], nextword.Request(
        max_tokens=5, sampling=nextword.SamplingOptions(seed=2, top_k=9))),
    "score": trained.score(line).log10_prob,
    "score lines": list(trained.score_lines([line, "She was"])),
    "nearest": trained.nearest_words("was", k=3),
    "kenlm": list(kenlm.Model("api-model").full_scores(line)),
}
plain = lambda value: dataclasses.astuple(value) if dataclasses.is_dataclass(value) else value.tolist()
print(json.dumps({name: json.dumps(value, default=plain) for name, value in found.items()}))
"""


@dataclass(frozen=True)
class Step:
    """A command to run, and the files that it writes.

    Attributes:
        name: Name of its pin.
        arguments: The command line.
        files: Files that it writes, each of which has a pin of its own.
    """

    name: str
    arguments: Sequence[str]
    files: Sequence[str] = ()


@dataclass(frozen=True)
class Workplace:
    """Runs the code of a checkout in its own folder, with its own caches."""

    folder: Path
    source: Path

    def start(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a program."""
        settings = {
            "PYTHONPATH": str(self.source),
            "NEXTWORD_CACHE": str(self.folder / "cache"),
            "JAX_COMPILATION_CACHE_DIR": str(self.folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code, *arguments],
            cwd=self.folder,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str, *arguments: str) -> str:
        """Run a program to its end, and return what it printed last."""
        output, errors = self.start(code, *arguments).communicate()
        if not output.strip():
            raise RuntimeError(f"{arguments[:3]} printed nothing\n{errors[-2000:]}")
        return output.splitlines()[-1]

    def train(self, run: str, *arguments: str) -> Path:
        """Run `nextword train` to its end, and return the directory of the run."""
        process = self.start(_COMMAND, "train", *arguments)
        _, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the training run `{run}` ended with {process.returncode}\n{errors[-2000:]}")
        return self.folder / run

    def cut_off(self, run: str, number: signal.Signals, *arguments: str) -> bool:
        """Begin a training run, stop it by a signal after its first round, and return whether that came in time."""
        directory = self.folder / run
        shutil.rmtree(directory, ignore_errors=True)
        process = self.start(_COMMAND, "train", *arguments)
        while process.poll() is None and not _log_of(directory):
            time.sleep(0.003)
        process.send_signal(number)
        process.communicate()
        return bool(_log_of(directory)) and not (directory / "model").exists()

    def pins_of(self, prefix: str, steps: Sequence[Step]) -> Pins:
        """Run commands one after another in one process, and return a pin of each one's output and of each file."""
        table = json.dumps([step.arguments for step in steps])
        pins: Pins = {}
        for step, (code, output, errors) in zip(steps, json.loads(self.run(_COMMANDS, table)), strict=True):
            if code:
                _say(f"{prefix}/{step.name} ended with {code}: {errors.strip()[-300:]}")
            pins[f"{prefix}/{step.name}"] = f"exit code {code}" if code else self.sum_of_text(output)
            for name in step.files:
                pins[f"{prefix}/{step.name}: {Path(name).suffix[1:]}"] = self.sum_of_file(self.folder / name)
        return pins

    def sum_of_text(self, text: str) -> str:
        """Return the sum of a text, in which JSON is sorted, without what the clock decides and without this folder."""
        return _sum(_sorted_json(text.replace(str(self.folder), "FOLDER")).encode())

    def sum_of_file(self, path: Path) -> str:
        """Return the sum of a file: of its arrays, of its text, or of its bytes."""
        if not path.exists():
            return "no such file"
        if path.suffix == ".safetensors":
            return _sum_of_arrays(safetensors.numpy.load_file(path))
        if path.suffix in (".npy", ".npz"):
            loaded = np.load(path)
            return _sum_of_arrays(dict(loaded) if path.suffix == ".npz" else {"": loaded})
        content = path.read_bytes()
        try:
            return self.sum_of_text(content.decode("utf-8"))
        except UnicodeDecodeError:
            return _sum(content)


def main() -> None:
    """Print the pins of a checkout, and compare them if a former output is given."""
    parser = argparse.ArgumentParser(description="Pin what nextword computes, to compare two commits bit by bit.")
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).parents[1], help="default: this one")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="run the jobs of these names, such as 'gru'")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="compare with this earlier output")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work in this empty folder, and keep it")
    options = parser.parse_args()
    jobs = {name: job for name, job in _jobs().items() if fnmatch(name, options.only)}
    with tempfile.TemporaryDirectory(prefix="pin-") as scratch:
        folder = (options.keep or Path(scratch)).resolve()
        place = Workplace(folder, (options.checkout / "src").resolve())
        _write_text(place)
        _require_code_of(place)
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda name: _done(name, jobs[name], place), jobs)
            pins = {name: pin for part in found for name, pin in part.items()}
    sys.stdout.write(json.dumps(pins, indent=0, sort_keys=True) + "\n")
    if options.compare:
        before = json.loads(options.compare.read_text("utf-8"))
        before = {name: pin for name, pin in before.items() if name.partition("/")[0] in jobs}
        different = sorted(name for name in before.keys() | pins.keys() if before.get(name) != pins.get(name))
        _say(f"{len(different)} of {len(pins)} pins differ", *different)
        sys.exit(bool(different))


def _jobs() -> dict[str, Job]:
    """Return what can be done side by side, the longest first."""
    used = {"quick": _use_fully, "gru": _use, "subword": _use}
    training_runs: dict[str, Job] = {}
    for number, (name, flags) in enumerate(_TRAINING_RUNS.items()):
        training_runs[name] = partial(_train, flags=flags, number=_SIGNALS[number % 3], use=used.get(name))
    return {"quick": training_runs["quick"], "minutes": _minutes, "api": _api, **training_runs}


def _train(place: Workplace, name: str, flags: Sequence[str], number: signal.Signals, use: Job | None = None) -> Pins:
    """Train a model, train it again with an interruption, and use it."""
    pins = _pins_of_run(place, place.train(name, "text", "--run", name, *flags))
    cut = f"{name}-cut"
    for _ in range(4):
        if place.cut_off(cut, number, "text", "--run", cut, *flags):
            break
    else:
        raise RuntimeError(f"`{cut}` ended before it could be interrupted; give it more epochs")
    rounds = len(_log_of(place.folder / cut))
    resumed = _pins_of_run(place, place.train(cut, "--resume", cut))
    _say(f"{name}: {number.name} after round {rounds} of {len(_log_of(place.folder / cut))}")
    found = {f"{name}/{key}": pin for key, pin in {**pins, "resumed is the same": resumed == pins}.items()}
    return found | (use(place, name) if use else {})


def _minutes(place: Workplace, name: str) -> Pins:
    """Train for a given time, repeat the run from what it wrote down, and train by a plan that is always the same."""
    clock = _train_by_clock(place)
    repeated = place.train("repeated", "text", "--run", "repeated", "--config", "by-clock/config.toml")
    same = _pins_of_run(place, clock) == _pins_of_run(place, repeated)
    config = (clock / "config.toml").read_text("utf-8")
    (place.folder / "plan.toml").write_text(_with_plan(config), "utf-8")
    pins = _train(place, name, ("--config", "plan.toml"), signal.SIGTERM)
    return {f"{name}/repeated is the same": same, **pins}


def _train_by_clock(place: Workplace) -> Path:
    """Train for a time that is long enough on this machine, however busy it is."""
    given = ("text", "--run", "by-clock", "--preset", "quick", *_SIZES, "--hidden-sizes", "24,16")
    for minutes in ("0.4", "1"):
        try:
            return place.train("by-clock", *given, "--minutes", minutes)
        except RuntimeError:
            _say(f"{minutes} minutes are too short here")
            shutil.rmtree(place.folder / "by-clock", ignore_errors=True)
    return place.train("by-clock", *given, "--minutes", "4")


def _with_plan(config: str) -> str:
    """Return what a run of given minutes wrote down with `_PLAN` in place of the steps that the clock decided.

    The steps stand under `planned_steps` or `steps`, and the length of a round under `round_steps`, in whatever table.
    """
    config, steps = re.subn(r"(?m)^(planned_steps|steps) = \[[^\]]*\]", rf"\1 = {list(_PLAN)}", config)
    config, rounds = re.subn(r"(?m)^round_steps = \d+", "round_steps = 150", config)
    if not steps or not rounds:
        raise RuntimeError("the plan of a run of given minutes is written in another way; change `_with_plan`")
    return config


def _api(place: Workplace, name: str) -> Pins:
    """Train and use a model from Python."""
    found = json.loads(place.run(_API))
    return {
        **{f"{name}/{key}": place.sum_of_text(value) for key, value in found.items()},
        **_pins_of_bundle(place, f"{name}/bundle", place.folder / "api-model"),
    }


def _use(place: Workplace, name: str) -> Pins:
    """Put a model to work with Keras and with onnxruntime."""
    exported = f"{name}-float32"
    shutil.copytree(place.folder / name / "model", place.folder / exported)
    steps = [
        *_steps(_USES + _KERAS_USES, name, "keras"),
        Step("export float32", ("export", exported, "text"), [f"{exported}/model.onnx"]),
        *_steps(_USES, exported, "onnx"),
    ]
    return {**_pins_of_bundle(place, f"{name}/bundle", place.folder / name / "model"), **place.pins_of(name, steps)}


def _use_fully(place: Workplace, name: str) -> Pins:
    """Put a model to work in every way."""
    pins, small = _use(place, name), f"{name}-int8"
    shutil.copytree(place.folder / name / "model", place.folder / small)
    steps = [
        *_steps(_KERAS_METHODS, name, "keras"),
        Step("export int8", ("export", small, "text", "--int8"), [f"{small}/model.onnx"]),
        *_steps(_USES, small, "onnx", label="int8"),
        *_steps(_PAIRS, name, "onnx"),
    ]
    loaded = json.loads(place.run(_MODULES, "suggest", f"{name}-float32", "She was very"))
    foreign = {module.partition(".")[0] for module in loaded} - sys.stdlib_module_names - {"nextword", "sitecustomize"}
    _say(f"suggest loads {sum(module.startswith('nextword') for module in loaded)} modules of nextword")
    pins[f"{name}/suggest loads"] = " ".join(sorted(package for package in foreign if not package.startswith("_")))
    pins |= {f"{name}/suggest loads {package}": package in foreign for package in ("jax", "keras")}
    return pins | place.pins_of(name, steps)


def _steps(table: str, model: str, engine: str, label: str = "") -> Iterator[Step]:
    """Yield the commands of a table for a model and an engine."""
    for line in filter(None, table.splitlines()):
        name, _, command = line.partition(" = ")
        words = shlex.split(command.format(model=model, made=f"{model}-{engine}"))
        files = [word[1:] for word in words if word.startswith(">")]
        arguments = [*(word.removeprefix(">") for word in words), "--engine", engine]
        yield Step(f"{label or engine} {name}", arguments, files)


def _pins_of_run(place: Workplace, run: Path) -> Pins:
    """Return the sums of the last checkpoint, of the log, and of the weights of the finished model."""
    arrays = safetensors.numpy.load_file(max((run / "checkpoints").glob("*/*.safetensors")))
    return {
        "checkpoint": _sum_of_arrays(arrays),
        "checkpoint without names": _sum(
            "".join(sorted(_sum_of_arrays({"": each}) for each in arrays.values())).encode()
        ),
        "log": _sum(json.dumps(_without_clock(_log_of(run)), sort_keys=True).encode()),
        "weights": place.sum_of_file(run / "model" / "weights.safetensors"),
    }


def _pins_of_bundle(place: Workplace, prefix: str, bundle: Path) -> Pins:
    """Return the sums of the files of a bundle, and that of its manifest without the card, which holds the date."""
    manifest = json.loads((bundle / "MANIFEST.json").read_text("utf-8"))
    card = manifest["files"].pop("README.md")
    names = sorted(path.name for path in bundle.iterdir() if path.name not in ("README.md", "MANIFEST.json"))
    sums = {f"{prefix} {name}": place.sum_of_file(bundle / name) for name in names}
    return {**sums, f"{prefix} manifest": _sum(json.dumps([manifest, sorted(card)], sort_keys=True).encode())}


def _log_of(run: Path) -> list[Any]:
    """Return the rounds in the log of a run so far."""
    path = run / "log.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sum_of_arrays(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """Return the sum of names, types, shapes and bytes, whatever the file that held them."""
    parts = [(name, str(array.dtype), array.shape, _sum(array.tobytes())) for name, array in sorted(arrays.items())]
    return _sum(json.dumps(parts).encode())


def _without_clock(value: Any) -> Any:
    """Return a JSON value without the fields that the clock decides."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if not _CLOCK & set(re.split("[^a-z]+", name.lower()))}
        return {name: _without_clock(each) for name, each in kept.items()}
    return [_without_clock(each) for each in value] if isinstance(value, list) else value


def _sorted_json(text: str) -> str:
    """Return a text with its JSON sorted, whether it is one value, one a line, or none."""
    try:
        return json.dumps(_without_clock(json.loads(text)), sort_keys=True)
    except ValueError:
        lines = text.splitlines()
        return "\n".join(map(_sorted_json, lines)) if len(lines) > 1 else text


def _write_text(place: Workplace) -> None:
    """Write a part of the packaged sample as train, valid and test split."""
    folder = place.folder / "text"
    folder.mkdir(parents=True)
    (place.folder / "prompts.txt").write_text("She was\nIt had been\nHe\n", "utf-8")
    (place.folder / "typed.txt").write_text("She\nShe was \nShe was Zorgl \n\nHe met Zor\nHe met Zorgl a\n", "utf-8")
    (sample,) = place.source.rglob("austen.txt")
    lines = sample.read_text("utf-8").splitlines(keepends=True)
    for name, first, last in (("train", 2000, 3200), ("valid", 3200, 3350), ("test", 3350, 3500)):
        (folder / f"{name}.txt").write_text("".join(lines[first:last]), "utf-8")


def _require_code_of(place: Workplace) -> None:
    """Raise unless the programs import the checkout's code."""
    found = place.run("import nextword; print(nextword.__file__)")
    if not Path(found).resolve().is_relative_to(place.source):
        raise RuntimeError(f"`{place.source}` must hold the code that runs, but `{found}` runs")


def _done(name: str, job: Job, place: Workplace) -> Pins:
    """Return the pins of a job; one that fails is pinned as failed."""
    began = time.monotonic()
    try:
        pins = job(place, name)
    except (RuntimeError, OSError, ValueError) as error:
        _say(f"{name} failed: {error}")
        pins = {f"{name}/failed": True}
    _say(f"{name}: {len(pins)} pins in {time.monotonic() - began:.0f} s")
    return pins


def _say(*sentences: str) -> None:
    sys.stderr.write("".join(f"{sentence}\n" for sentence in sentences))


if __name__ == "__main__":
    main()
