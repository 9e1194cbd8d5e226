import os
import signal
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from documentation.exceptions import exceptions_in
from support.compiled_programs import CompiledPrograms
from support.trust_cases import SKIPPED, examples_of, trust_amount, trust_cases

__all__ = ["trust_cases"]

# No test may fail because the machine is busy.
settings.register_profile("nextword", deadline=None, max_examples=trust_amount(100, 400))
settings.load_profile("nextword")
# For planted bugs (`trust.mutants`): that an example fails is enough.
settings.register_profile(
    "first-failure", deadline=None, phases=[phase for phase in Phase if phase is not Phase.shrink]
)

# Some tests import Keras before nextword, which would have set this.
os.environ.setdefault("KERAS_BACKEND", "jax")

# Commands set this, and some tests run commands in their own process: the tests after them must compute the same.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_ROOT = Path(__file__).parent.parent
_COMPILED = pytest.StashKey[CompiledPrograms]()

# A shell starts jobs in the background with Ctrl-C ignored, and so would the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before the workers begin
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let all tests and workers share what Python and JAX compile, unless the user has set up a cache of JAX.

    Some shells forbid bytecode. Then each process would compile all of Keras again, which takes twice its start.
    """
    config = session.config
    cache = getattr(config, "cache", None)  # there is none with -p no:cacheprovider
    if cache is None or hasattr(config, "workerinput"):
        return
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(cache.mkdir("bytecode")))
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        config.stash[_COMPILED] = CompiledPrograms(cache.mkdir("compiled"))
        config.stash[_COMPILED].begin()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what was compiled for the next session."""
    if _COMPILED in session.config.stash:
        session.config.stash[_COMPILED].finish()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the nightly run as slow."""
    for item in items:
        if item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.slow)


def _write_durations(config: pytest.Config, reports: list[pytest.TestReport]) -> None:
    """Write the seconds of each test file into `.pytest_cache/d/durations/seconds.txt`, the slowest first."""
    seconds = defaultdict[str, float](float)
    for report in reports:
        seconds[report.nodeid.partition("::")[0]] += report.duration
    lines = [f"{total:8.1f} s  {path}\n" for path, total in sorted(seconds.items(), key=lambda item: -item[1])]
    cache = getattr(config, "cache", None)
    if cache is not None:
        (cache.mkdir("durations") / "seconds.txt").write_text("".join(lines), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the examples of the documentation that no test compares, if its tests ran."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    _write_durations(terminalreporter.config, reports)
    if any("examples/test_documentation.py" in report.nodeid for report in reports):
        pages = [_ROOT / "README.md", *(_ROOT / "docs").rglob("*.md")]
        count = len([*exceptions_in(pages)])
        listed = "python scripts/outputs.py --exceptions README.md docs/*.md docs/*/*.md"
        terminalreporter.write_line(f"{count} examples are not run or not compared; {listed} gives the reasons")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count the examples of hypothesis as cases of the scorecard, and note what was skipped."""
    report = yield
    item.stash[SKIPPED] = report.skipped
    if call.when == "call" and report.passed:
        item.user_properties.extend(examples_of(getattr(item, "hypothesis_statistics", "")))
    return report


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep derived files of tests out of the user's cache."""
    patch = pytest.MonkeyPatch()
    patch.setenv("NEXTWORD_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def data_dir() -> Path:
    """The folder of corpora that may not be shipped; without it the test is skipped and says so."""
    folder = os.environ.get("NEXTWORD_DATA", "")
    if not Path(folder, "ptb", "ptb.train.txt").is_file():
        pytest.skip("needs the Penn Treebank: set NEXTWORD_DATA to a folder with ptb/ptb.train.txt")
    return Path(folder)
