from pathlib import Path

import numpy as np
import pytest

from support.commands import Bundle, Captured, Command, Json, nextword


def test_lines_become_vectors(model: Path, tmp_path: Path, capsys: Captured) -> None:
    lines, output = tmp_path / "lines.txt", tmp_path / "vectors.npy"
    lines.write_text("the cat\n\nthe cat\nsat on the mat\n", encoding="utf-8")
    found = {}
    for pooling in ("mean", "last"):
        assert nextword("vectors", model, lines, "--output", output, "--pooling", pooling) == 0
        assert f"{output}: 4 x 4, the vectors of all lines" in capsys.readouterr().err
        found[pooling] = np.load(output, allow_pickle=False)
        np.testing.assert_allclose(found[pooling][0], found[pooling][2], atol=1e-6)
    assert not np.allclose(found["mean"][0], found["last"][0])
    np.testing.assert_allclose(found["mean"][1], found["last"][1])


def test_words_and_their_vectors_are_saved(small_bundle: Bundle, tmp_path: Path, capsys: Captured) -> None:
    output = tmp_path / "words.npz"
    assert nextword("vectors", small_bundle("word"), "--vocabulary", "--output", output) == 0
    assert "21 x 4, the vectors of all words" in capsys.readouterr().err
    with np.load(output, allow_pickle=False) as saved:
        assert saved["words"][2] == "cat"
        assert saved["vectors"].shape == (21, 4)


def test_the_nearest_words_are_shown(model: Path, capsys: Captured, json_of: Json) -> None:
    near = json_of("vectors", model, "--nearest", "cat", "-k", "3")["nearest"]
    assert len(near) == 3
    assert nextword("vectors", model, "--nearest", "cat", "-k", "3") == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [other["word"] for other in near]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "`--output` must name a file that ends in .npy, but is not given"),
        (["--output", "v.npz"], "must name a file that ends in .npy, but is 'v.npz'"),
        (["--vocabulary", "--output", "v.npy"], "must name a file that ends in .npz"),
        (["lines.txt", "--vocabulary", "--output", "v.npz"], "`--vocabulary` does not go with FILE"),
        (["--nearest", "cat", "--vocabulary"], "`--nearest` does not go with FILE"),
        (["--nearest", "cat", "--pooling", "last"], "`--pooling` is for lines"),
        (["--vocabulary", "--output", "v.npz", "--pooling", "mean"], "`--pooling` is for lines"),
        (["lines.txt", "--output", "v.npy", "-k", "3"], "`--top` needs `--nearest WORD`"),
        (["--nearest", "dog"], "a word must be in the vocabulary, but 'dog' is not"),
    ],
)
def test_mistakes_exit_with_two(small_bundle: Bundle, arguments: list[str], message: str, mistake: Command) -> None:
    assert message in mistake("vectors", small_bundle(), *arguments)
