import subprocess
import sys
from pathlib import Path

import pytest

from documentation.page import Page
from documentation.runner import Runner

SCRIPT = Path(__file__).parents[3] / "scripts" / "outputs.py"

PAGE = """\
# A page

```python
import sys
x = 6
```

<!-- output: numbers within 2 % -->
```python
print("loss", x, file=sys.stderr)
print("about", 1.01)
x * 7
```

```text
loss 6
about 1.0
42
```

- A list:

  ```console
  $ cat > poem <<< 'one
  two'
  $ tr a-z A-Z < poem | head -n 1
  ONE

  $ echo "$COLUMNS $NO_COLOR"; pwd
  100 1
  /...
  ```

<details markdown="1"><summary>Answer</summary>

```python
print(open("poem").read().split())
```

```text
['one', 'two']
```

</details>

<!-- not run: there is no such program -->
```console
$ no-such-program
fine
```

<!-- output: varies -->
```python
import random
random.random()
```

```text
0.5
```
"""


def page(folder: Path, text: str) -> Page:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return Page(path)


def problem(folder: Path, text: str) -> str:
    (found,) = page(folder, text).problems()
    return found.removeprefix(f"{folder}/")


def test_a_page_with_the_right_outputs_passes(tmp_path: Path) -> None:
    assert list(page(tmp_path, PAGE).problems()) == []


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("loss 6\n", "loss 7\n", "page.md:10: the output differs:\n"),
        ("about 1.0\n", "about 1.1\n", "-about 1.1\n"),
        ("\n42\n", "\n43\n", "+42"),
        ("\n  ONE\n", "\n  Two\n", "page.md:26: the output differs:\n"),
        ("100 1", "90 1", "page.md:29: the output differs:\n"),
        ("['one', 'two']", "['one']", "page.md:37: the output differs:\n"),
        ("\n```text\n['one', 'two']\n```\n", "", "+['one', 'two']"),
        ("0.5\n", "", "page.md:54: there is no output"),
        ("x = 6\n", "x = 6\nx\n", "+6"),
        ("random.random()", "None", "there is no output in the page or in this run"),
        ("x = 6", "x = 6; warnings", "page.md:4: it failed:\n"),
        ("random.random()", "raise SystemExit(3)", "it failed:\n"),
        ("| head -n 1", "| false", "page.md:26: it failed:\n"),
    ],
)
def test_what_is_wrong_is_a_problem_with_its_place(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert PAGE.count(right) == 1
    assert message in problem(tmp_path, PAGE.replace(right, wrong))


def test_a_traceback_names_the_line_of_the_page(tmp_path: Path) -> None:
    found = problem(tmp_path, "# A\n\n```python\nx = 1\nx / 0\n```\n")
    assert f'File "{tmp_path}/page.md", line 5, in <module>\n    x / 0\n' in found
    assert "session.py" not in found


def test_a_command_fails_if_and_only_if_the_page_shows_it(tmp_path: Path) -> None:
    shown = "```console\n$ echo 'error: no'; exit {}\nerror: no\n```\n"
    assert list(page(tmp_path, shown.format(2)).problems()) == []
    assert "it did not fail" in problem(tmp_path, shown.format(0))
    assert "it failed" in problem(tmp_path, "```console\n$ echo a; exit 2\na\n```\n")


def test_an_example_that_ends_its_process_is_a_problem(tmp_path: Path) -> None:
    assert "the process ended" in problem(tmp_path, "```python\nimport os\nos._exit(0)\n```\n")


def test_outputs_that_differ_are_written_and_nothing_else(tmp_path: Path) -> None:
    broken = PAGE.replace("42", "").replace("\n  ONE\n", "\n").replace("\n```text\n['one', 'two']\n```\n", "")
    changed = page(tmp_path, broken.replace("100 1\n  /...", "9\n  /..."))
    assert [line.rpartition(":")[2] for line in changed.write()] == [" written"] * 4
    assert changed.path.read_text("utf-8") == PAGE


def test_an_output_that_is_no_more_is_removed(tmp_path: Path) -> None:
    changed = page(tmp_path, "```python\nx = 1\n```\n\n```text\n1\n```\n\nText.\n\n```console\n$ true\na\n```\n")
    assert len(list(changed.write())) == 2
    assert changed.path.read_text("utf-8") == "```python\nx = 1\n```\n\nText.\n\n```console\n$ true\n```\n"


def test_text_apart_from_python_is_no_output(tmp_path: Path) -> None:
    assert list(page(tmp_path, "```python\nx = 1\n```\n\nA text:\n\n```text\n1\n```\n").problems()) == []


def test_slow_pages_are_known(tmp_path: Path) -> None:
    assert not page(tmp_path, PAGE).is_slow
    assert page(tmp_path, PAGE.replace("<!-- output: varies -->", "<!-- slow -->\n<!-- output: varies -->")).is_slow


def test_the_script_lists_what_is_not_compared(tmp_path: Path) -> None:
    path = page(tmp_path, PAGE).path
    command = [sys.executable, str(SCRIPT), "--exceptions", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{path}:48: not run: there is no such program",
        f"{path}:54: output: varies",
    ]


def test_the_script_writes_and_checks(tmp_path: Path) -> None:
    path = page(tmp_path, "```python\n1 + 1\n```\n").path

    def run(*options: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, SCRIPT, *options, path], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    code, output = run("--check")
    assert code == 1
    assert "+2\n" in output
    assert run()[0] == 0
    assert path.read_text("utf-8") == "```python\n1 + 1\n```\n\n```text\n2\n```\n"
    assert run("--check")[0] == 0
    assert run("--check", "--console")[0] == 0


def test_an_example_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    with Runner(tmp_path, seconds=0.5) as runner:
        assert runner.shell("sleep 1000 | sleep 1000").failed
    with Runner(tmp_path, seconds=0.5) as runner:
        assert runner.python("import time\ntime.sleep(1000)", tmp_path / "page.md", 1).failed
