import json
from collections.abc import Callable, Sequence

import numpy as np

from nextword.rescoring.hypothesis_scores import ScoredList
from nextword.rescoring.nbest import NbestList
from nextword.rescoring.nbest_reader import NbestReader
from nextword.rescoring.nbest_writer import best_line, header_of, lines_of
from nextword.rescoring.weights import RescoringWeights

Read = Callable[..., tuple[NbestReader, list[NbestList]]]

WEIGHTS = RescoringWeights(model_weight=0.5, length_weight=0.25, first_pass_weights=(1.0,))


def written(reader: NbestReader, lists: Sequence[NbestList], log_probs: Sequence[float]) -> list[str]:
    scored = ScoredList(lists[0], np.array(log_probs))
    return [*header_of(reader.format), *lines_of(scored, WEIGHTS, reader.format)]


def test_a_table_comes_out_as_it_came_with_three_columns_more(read_lists: Read) -> None:
    reader, lists = read_lists("utterance\ttext\tacoustic\nu1\tthe cats at\t-2.0\nu1\tthe cat sat\t-2.50\n")
    assert written(reader, lists, [-8.0, -4.0]) == [
        "utterance\ttext\tacoustic\tlog_prob\ttotal\trank",
        "u1\tthe cat sat\t-2.50\t-4.000000\t-3.750000\t1",
        "u1\tthe cats at\t-2.0\t-8.000000\t-5.250000\t2",
    ]


def test_a_table_without_names_gets_none(read_lists: Read) -> None:
    reader, lists = read_lists("u1\tthe cat\t-2\n")
    assert written(reader, lists, [-8.0]) == ["u1\tthe cat\t-2\t-8.000000\t-5.500000\t1"]


def test_json_lines_keep_their_fields(read_lists: Read) -> None:
    line = {"utterance": "ü", "s": -2, "text": "the cat", "time": [0.5]}
    reader, lists = read_lists(json.dumps(line) + "\n", ["s"])
    (out,) = written(reader, lists, [-8.0])
    assert json.loads(out) == {**line, "log_prob": -8.0, "total": -5.5, "rank": 1}
    assert "ü" in out


def test_equals_stay_in_the_order_of_the_first_pass(read_lists: Read) -> None:
    reader, lists = read_lists("".join(f"u1\tthe {word}\t1\n" for word in ("cat", "cats", "at")))
    texts = [line.split("\t")[1] for line in written(reader, lists, [-3.0, -3.0, -3.0])]
    assert texts == ["the cat", "the cats", "the at"]


def test_the_best_can_stand_alone(read_lists: Read) -> None:
    for text, expected in (
        ("u1\tthe cats at\t-2\nu1\tthe cat sat\t-3\n", "u1\tthe cat sat"),
        (
            '{"utterance": "u1", "text": "cat", "s": -2}\n{"utterance": "u1", "text": "sat", "s": -3}\n',
            '{"utterance": "u1", "text": "sat"}',
        ),
    ):
        reader, lists = read_lists(text)
        assert best_line(ScoredList(lists[0], np.array([-8.0, -4.0])), WEIGHTS, reader.format) == expected
