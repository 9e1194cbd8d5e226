import gzip
import json
import tomllib
from pathlib import Path

import pytest

from support.commands import Captured, Command, Json, nextword
from support.tiny_bundle import write_tiny_bundle

SAID = ("the cat sat on the mat .", "the dog ate the bone .", "a bird sang in the tree .", "it was a good day .")
HEARD = ("the cats at on the mat .", "the dog ate a bone .", "a bird sang in the tree .", "it was a good dog .")


@pytest.fixture
def nbest(tmp_path: Path) -> Path:
    """Lists whose first hypotheses are the more probable by sound."""
    path = tmp_path / "dev.tsv"
    rows = ["utterance\ttext\tacoustic"]
    for utterance, (said, heard) in enumerate(zip(SAID, HEARD, strict=True)):
        rows += [f"u{utterance}\t{heard}\t-4.0", f"u{utterance}\t{said}\t-4.5", f"u{utterance}\t{said} the\t-5"]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def references(tmp_path: Path) -> Path:
    path = tmp_path / "dev.refs"
    path.write_text("".join(f"u{place}\t{said}\n" for place, said in enumerate(SAID)), encoding="utf-8")
    return path


def test_weights_are_tuned_saved_and_used_again(
    trained_run: Path, nbest: Path, references: Path, tmp_path: Path, printed: Command, json_of: Json
) -> None:
    weights, output = tmp_path / "weights.toml", tmp_path / "out.tsv"
    tune = ("--tune", "--references", references, "--weights-output", weights)
    told = printed("rescore", trained_run, nbest, *tune)
    assert f"{nbest}: 4 utterances, 12 hypotheses, 26 words in the references" in told
    assert "is too optimistic" in told
    assert "utterance\t" not in told
    tables = tomllib.loads(weights.read_text(encoding="utf-8"))
    assert tables["rescoring"]["model_weight"] > 0
    assert tables["tuned"]["wer_rescored"] == 0

    arguments = ("rescore", trained_run, nbest, "--weights", weights, "--output", output)
    report = json_of(*arguments, "--references", references)
    assert report["is_tuned_on_itself"] is True
    assert report["rates"]["rescored"]["wer"] == 0 < report["rates"]["first pass"]["wer"]
    lines = [line.split("\t") for line in output.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == ["utterance", "text", "acoustic", "log_prob", "total", "rank"]
    assert [line[1] for line in lines if line[5] == "1"] == list(SAID)
    assert len(lines) == 13
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_weights_know_the_model_that_they_were_tuned_with(
    trained_run: Path, nbest: Path, references: Path, capsys: Captured, tmp_path: Path
) -> None:
    weights, output = tmp_path / "weights.toml", tmp_path / "out.tsv"
    assert (
        nextword("rescore", trained_run, nbest, "--tune", "--references", references, "--weights-output", weights) == 0
    )
    again = ("rescore", trained_run, nbest, "--weights", weights, "--output", output)
    capsys.readouterr()
    assert nextword(*again) == 0
    assert capsys.readouterr().err == ""
    tables = tomllib.loads(weights.read_text(encoding="utf-8"))
    name, _, fingerprint = tables["tuned"]["model"].rpartition(" ")
    assert name.startswith("story-")
    weights.write_text(weights.read_text(encoding="utf-8").replace(fingerprint, "0" * 12), encoding="utf-8")
    assert nextword(*again) == 0
    assert f"tuned with the model `{name} {'0' * 12}`, but this is `{name} {fingerprint}`" in capsys.readouterr().err


def test_weights_tuned_with_a_mixture_are_not_those_of_the_network(
    nbest: Path, references: Path, capsys: Captured, tmp_path: Path
) -> None:
    model, weights = write_tiny_bundle(tmp_path / "mixed", mixes=True), tmp_path / "weights.toml"
    tuned = ("rescore", model, nbest, "--tune", "--references", references, "--weights-output", weights)
    assert nextword(*tuned) == 0
    assert "(as used: n-grams 0.3, cache of 5 tokens)" in capsys.readouterr().out
    again = ("rescore", model, nbest, "--weights", weights, "--references", references)
    assert nextword(*again) == 0
    assert "the weights were tuned with the model" not in capsys.readouterr().err
    assert nextword(*again, "--method", "static") == 0
    told = capsys.readouterr().err
    assert "the weights were tuned with the model" in told
    assert "(static: the network alone)" in told


def test_a_report_as_json_has_no_rates_if_references_are_unknown(
    trained_run: Path, nbest: Path, references: Path, tmp_path: Path, printed: Command
) -> None:
    output = tmp_path / "out.tsv"
    arguments = ("rescore", trained_run, nbest, "--model-weight", "1", "--json")
    report = json.loads(printed(*arguments))
    assert (report["num_utterances"], report["num_hypotheses"], report["num_changed"]) == (4, 12, 3)
    assert report["weights"]["model_weight"] == 1
    assert (report["rates"], report["difference"], report["tuned_on"]) == ({}, None, None)
    assert json.loads(printed(*arguments, "--output", output)) == report
    assert len(output.read_text(encoding="utf-8").splitlines()) == 13
    known = json.loads(printed(*arguments, "--references", references))
    assert known["rates"]["rescored"]["wer"] == 0
    assert {**known, "rates": {}, "difference": None} == report


def test_the_lists_come_out_where_nothing_is_known_of_references(
    trained_run: Path, nbest: Path, capsys: Captured
) -> None:
    assert nextword("rescore", trained_run, nbest, "--model-weight", "1", "--best") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [f"u{place}\t{said}" for place, said in enumerate(SAID)]
    assert captured.err == ""


def test_json_lines_from_standard_input_hold_their_references(
    trained_run: Path, capsys: Captured, tmp_path: Path
) -> None:
    path = tmp_path / "lists.gz"
    rows = [
        {"utterance": str(place), "text": text, "s": score, "reference": said}
        for place, (said, heard) in enumerate(zip(SAID, HEARD, strict=True))
        for text, score in ((heard, -1.0), (said, -1.5))
    ]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    assert nextword("rescore", trained_run, path, "--model-weight", "1") == 0
    captured = capsys.readouterr()
    first = json.loads(captured.out.splitlines()[0])
    assert (first["text"], first["rank"], first["reference"]) == (SAID[0], 1, SAID[0])
    assert "rescored minus first pass: -" in captured.err  # the lists have standard output


def test_weights_have_defaults(trained_run: Path, nbest: Path, capsys: Captured, mistake: Command) -> None:
    assert nextword("rescore", trained_run, nbest, "--best") == 0
    default, told = capsys.readouterr()
    assert "warning: the weights are the defaults\nhint: `--tune` finds those of your recognizer\n" in told
    assert nextword("rescore", trained_run, nbest, "--best", "--model-weight", "0.5") == 0
    assert capsys.readouterr() == (default, "")
    assert "no-such.tsv" in mistake("rescore", trained_run, "no-such.tsv")


def test_hypotheses_in_capitals_are_lowered(trained_run: Path, nbest: Path, capsys: Captured, printed: Command) -> None:
    arguments = ("rescore", trained_run, nbest, "--best", "--model-weight", "2")
    expected = printed(*arguments)
    rows = [row.split("\t") for row in nbest.read_text(encoding="utf-8").splitlines()]
    shouted = [rows[0], *([name, text.upper(), score] for name, text, score in rows[1:])]
    nbest.write_text("\n".join("\t".join(row) for row in shouted), encoding="utf-8")
    assert nextword(*arguments, "--lowercase") == 0
    assert capsys.readouterr() == (expected.upper().replace("U", "u"), "")
    assert nextword(*arguments) == 0
    told = capsys.readouterr().err
    assert "of the tokens are not in the vocabulary of the model" in told
    assert "give `--lowercase` if they have capitals" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{nbest}", "--tune"], "`--tune` needs what was said, but there is no `reference`"),
        (["{nbest}", "--tune", "--weights", "w"], "`--weights` and `--tune` must not be given together"),
        (["{nbest}", "--model-weight", "1", "--weights-output", "w"], "`--weights-output` needs `--tune`"),
        (["{nbest}", "--model-weight", "1", "--output", "{nbest}"], "must not be overwritten"),
        (["-", "--model-weight", "1", "--references", "-"], "must not both come from standard input"),
        (["{nbest}", "--tune", "--weights-output", "w", "--output", "w"], "`w` must not be overwritten"),
        (["{nbest}", "--first-pass-weights", "1,2"], "must have one value for each score (acoustic), but has 2"),
        (["{nbest}", "--model-weight", "1", "--scores", "pitch"], "the columns must include `pitch`"),
        (["no-such.tsv", "--model-weight", "1"], "no-such.tsv"),
        (
            ["{nbest}", "--model-weight", "1", "--references", "{nbest}"],
            "line 1: a line must have an utterance and a reference",
        ),
    ],
)
def test_mistakes_are_said_in_one_line(
    trained_run: Path, nbest: Path, capsys: Captured, arguments: list[str], message: str
) -> None:
    before = nbest.read_bytes()
    assert nextword("rescore", trained_run, *(argument.format(nbest=nbest) for argument in arguments)) == 2
    captured = capsys.readouterr()
    error, *hints = captured.err.splitlines()
    assert message in error
    assert all(hint.startswith("hint: ") for hint in hints)
    assert captured.out == ""
    assert nbest.read_bytes() == before


def test_a_mistake_amid_the_lists_leaves_the_former_output(
    trained_run: Path, nbest: Path, capsys: Captured, tmp_path: Path
) -> None:
    output = tmp_path / "out.tsv"
    output.write_text("the former", encoding="utf-8")
    with nbest.open("a", encoding="utf-8") as file:
        file.write("u9\tthe cat\tloud\n")
    assert nextword("rescore", trained_run, nbest, "--model-weight", "1", "--output", output) == 2
    assert "line 14: `acoustic` must be a finite number, but is 'loud'" in capsys.readouterr().err
    assert output.read_text(encoding="utf-8") == "the former"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.tsv", "out.tsv"]
