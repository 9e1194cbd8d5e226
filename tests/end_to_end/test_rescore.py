"""N-best lists through a separate process: standard input, standard output, and the report."""

import random
from pathlib import Path

import pytest

from support.command_line import CommandLine

NUM_WORDS = 12
"""Number of words of a line of the story, without the full stop."""


@pytest.mark.slow
def test_lists_are_rescored_and_the_report_names_its_input(command_line: CommandLine, finished_run: Path) -> None:
    chosen = random.Random(1)
    lines = command_line.text.read_text(encoding="utf-8").splitlines()
    words = sorted({word for line in lines for word in line.split()})
    tables = {}
    for name, said in (("dev", lines[:20]), ("test", lines[20:40])):
        rows = ["utterance\ttext\tacoustic\treference"]
        for utterance, line in enumerate(said):
            heard = line.split()
            heard[chosen.randrange(NUM_WORDS)] = f"{chosen.choice(words)}x"  # a word that is not in the story
            rows += [f"{utterance}\t{' '.join(heard)}\t-1\t{line}", f"{utterance}\t{line}\t-1.5\t{line}"]
        tables[name] = command_line.folder / f"{name}.tsv"
        tables[name].write_text("\n".join(rows) + "\n", encoding="utf-8")
    weights = command_line.folder / "weights.toml"
    tuning = command_line.start("rescore", finished_run, tables["dev"], "--tune", "--weights-output", weights)
    told, errors = tuning.communicate(timeout=240)
    assert tuning.returncode == 0, errors
    assert "weights tuned on the same utterances" in told

    rescoring = command_line.start("rescore", finished_run, tables["test"], "--weights", weights)
    told, errors = rescoring.communicate(timeout=240)
    assert rescoring.returncode == 0, errors
    out = [row.split("\t") for row in told.splitlines()]
    assert len(out) == 41
    first = [row[1] for row in out if row[-1] == "1"]
    wrong = sum(one != other for one, other in zip(first, lines[20:40], strict=True))
    assert wrong <= 3  # of twenty that the acoustic score alone gets wrong
    rate = wrong / sum(len(line.split()) for line in lines[20:40])
    assert f"weights tuned on `{tables['dev']}`, which has other utterances" in errors
    assert ["rescored", f"{rate:.2%}"] in [line.split()[:2] for line in errors.splitlines()]
    assert "Traceback" not in errors
