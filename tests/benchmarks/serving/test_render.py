from collections.abc import Callable

from rich.console import Console

from harness.serving.outcome import Outcome
from harness.serving.render import render_serving
from harness.serving.report import ServingReport

MakeReport = Callable[..., ServingReport]


def text_of(report: ServingReport) -> str:
    console = Console(width=180, highlight=False)
    with console.capture() as capture:
        console.print(render_serving(report))
    return capture.get()


def line_of(name: str, text: str) -> str:
    (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{name} ")]
    return " ".join(line.split())


def test_each_server_has_a_line(make_report: MakeReport) -> None:
    text = text_of(make_report())
    assert line_of("nextword-float32", text) == "nextword-float32 8 1,000 900-1,100 10.0 20 30 25%"
    assert line_of("nextword-float32-unbatched", text).endswith("5.00 x as fast 25%")
    assert line_of("nextword-int8-unbatched", text).endswith("2.00 x as fast 25%")
    assert line_of("pytorch-threads", text).endswith("4.00 x as fast 25%")
    assert "6" in line_of("nextword-float32-streamed", text).split()
    assert "the engine alone, float32, by texts in a step: 500 tokens/s for 1, 2,000 tokens/s for 8" in text
    assert "batching can gain 4.0 x for 8" in text


def test_what_is_missing_is_named_with_its_reason(make_report: MakeReport) -> None:
    assert "missing: pytorch-threads: no" in text_of(make_report("pytorch-threads"))


def test_each_scenario_has_its_bars_and_figures(make_report: MakeReport, outcome: Outcome) -> None:
    text = text_of(make_report(outcomes=(outcome,)))
    assert line_of("goodput", text) == "goodput 0.9 at least 0.8 met"
    assert line_of("lost", text) == "lost 3 at most 0 missed"
    assert line_of("p99", text) == "p99 none at most 2 missed"
    assert line_of("requests", text) == "requests 1,234"
    assert "of each turn" not in text
    assert "missing: slow readers: no such route" in text
