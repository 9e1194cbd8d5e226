from collections.abc import Callable

from rich.console import Console

from harness.inference.render import render_inference
from harness.inference.report import InferenceReport

MakeReport = Callable[..., InferenceReport]


def text_of(report: InferenceReport) -> str:
    console = Console(width=160, highlight=False)
    with console.capture() as capture:
        console.print(render_inference(report))
    return capture.get()


def line_of(name: str, text: str) -> str:
    (line,) = [line for line in text.splitlines() if line.strip().startswith(name)]
    return line


def test_figures_stand_in_their_lines(make_report: MakeReport) -> None:
    text = text_of(make_report())
    assert line_of("nextword-step-int8", text).split() == [
        "nextword-step-int8",
        "1",
        "2.000",
        "1.500-5.500",
        "90",
        "MB",
    ]
    assert "50.000" in line_of("pytorch-step-float32 ", text)
    assert "25.00 x as fast" in line_of("pytorch-step-float32 ", text)
    assert "2.50 x as fast" in line_of("pytorch-step-int8", text)
    assert "50" in line_of("pytorch-score-float32", text)
    assert "4.00 x as fast" in line_of("pytorch-score-float32", text)
    assert "15.00 x as fast" in line_of("pytorch-step-float32-without-onednn", text)
    assert "as fast" not in line_of("nextword-step-float32", text)
    assert "steps are compared with nextword's in int8, scoring with nextword's in float32" in text
    assert "a step in int8 takes 2.00 of the time to read its 0.0 MB of weights once" in text
    assert "nextword suggest from a cold start: 0.50 s" in text
    assert "its memory at most: 90 MB" in text
    assert "loading in a running process: 0.200 s" in text
    assert "the 99th percentile of the keys: 99.00 ms" in text
    assert "a processor; today; commit abc" in text
    assert "not idle" not in text


def test_what_is_missing_is_told(make_report: MakeReport) -> None:
    text = text_of(make_report("pytorch-step-int8", "nextword-keys", load=3.0))
    assert "missing: pytorch-step-int8: not [here]" in text
    assert "missing: nextword-keys: not [here]" in text
    assert "percentile" not in text
    assert "the machine was not idle" in text
