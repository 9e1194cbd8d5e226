"""Mistakes in the arguments of benchmarks are reported before the first measurement."""

import pytest

from support.benchmark_runs import benchmark


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("training", ["--only", "pytorhc"], "`pytorhc` is not a peer"),
        ("training", ["--hidden-sizes", "8"], "`tied` needs a last layer as wide as the embedding"),
        ("training", ["--scaling", "--only", "nextword"], "`--scaling` measures nextword alone"),
        ("training", ["--plot", "report.txt"], "a chart must be an .svg file"),
        ("training", ["--json", "no-such-folder/report.json"], "must be in a folder that exists"),
        ("inference", ["--hidden-size", "0"], "hidden"),
        ("serving", ["--scenario", "flood"], "flood"),
        ("quality", ["austen", "--peers", "transformr"], "transformr"),
        ("quality", ["austen", "--recipe", "width=3"], "`--recipe` must be JSON"),
        ("quality", ["austen", "--recipe", "[3]"], "`--recipe` must be an object"),
        ("fine_tuning", ["--text", "README.md", "--runs", "runs", "--arm", "both"], "needs `--base-text`"),
    ],
)
def test_a_mistake_is_reported(name: str, arguments: list[str], message: str) -> None:
    done = benchmark(name, *arguments)
    assert (done.code, done.output) == (2, "")
    assert message in done.errors
