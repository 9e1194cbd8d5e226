"""Work in threads and in processes gives the results of a plain program."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel

import nextword
from documentation.runner import environment

LINES = ["She was very much obliged to him.", "It is a truth universally acknowledged", "Mr. Darcy smiled."] * 4
NETWORK: dict[str, Any] = {
    "round_steps": 10,
    "batch_size": 4,
    "num_steps": 8,
    "start": "random",
    "embedding_size": 8,
    "hidden_sizes": (8,),
}
TRAINING: dict[str, Any] = {"preset": "quick", "epochs": 1.0, "settings": NETWORK, "verbose": 0}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("story") / "story.txt"
    words, chosen = np.array(["a", "cat", "saw", "the", "dog"]), np.random.default_rng(0)
    path.write_text("".join(" ".join(row) + "\n" for row in words[chosen.integers(5, size=(200, 6))]), encoding="utf-8")
    return path


def test_training_in_a_thread_gives_the_weights_of_the_main_thread(story: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        in_thread = pool.submit(nextword.train, story, **TRAINING).result()
        perplexity = pool.submit(in_thread.perplexity, LINES[0]).result()
    here = nextword.train(story, **TRAINING)
    for name, weight in here.bundle.weights.items():
        np.testing.assert_array_equal(in_thread.bundle.weights[name], weight)
    assert perplexity == here.perplexity(LINES[0])


def test_two_models_in_four_threads_answer_as_each_does_alone() -> None:
    models = [nextword.load("austen"), nextword.load("austen", method="static")]

    def answer(number: int) -> tuple[float, str, list[str]]:
        model, line = models[number % 2], LINES[number]
        session = model.session()
        session.type(line[:-3])
        text = model.generate(line, max_tokens=8, seed=number)
        return model.perplexity(line), text, [found.text for found in session.suggestions()]

    alone = [answer(number) for number in range(len(LINES))]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(answer, range(len(LINES)))) == alone


PROCESSES = f"""
import multiprocessing, sys, warnings
import nextword

def perplexity(_=None):
    return nextword.load("austen").perplexity({LINES[0]!r})

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # of Python: it sees the threads of NumPy
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        before = pool.map(perplexity, range(2))
    own = perplexity()
    with context.Pool(2) as pool:
        print({{*before, own, *pool.map(perplexity, range(2))}} == {{own}})
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_answer_as_their_parent_does(method: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROCESSES, encoding="utf-8")
    command = [sys.executable, "program.py", method]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=200)
    assert done.stdout == "True\n"


CELL = f"""
import nextword

model = nextword.train("story.txt", run="run", **{TRAINING | {"epochs": 60.0, "verbose": 1}!r})
"""


@pytest.mark.slow
def test_an_interrupted_cell_of_a_notebook_resumes(story: Path) -> None:
    """As a person presses "Interrupt" and runs the cell again."""
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(story.parent), env=environment() | {"JUPYTER_PLATFORM_DIRS": "1"}
    )
    kinds: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        kinds.append(message["msg_type"])
        if kinds.count("update_display_data") == 5:  # the curve grows
            kinds.clear()
            manager.interrupt_kernel()

    try:
        stopped = client.execute_interactive(CELL, timeout=200, output_hook=hear)["content"]
        found = sorted(path.name for path in (story.parent / "run" / "checkpoints").iterdir())
        resumed = client.execute_interactive(CELL, timeout=200, output_hook=lambda _message: None)["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert (stopped["status"], stopped["ename"]) == ("error", "TrainingInterrupted"), stopped
    assert found
    assert resumed["status"] == "ok", resumed
