import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.agreement.tasks import CHOICES, LINES, WHOLE

WriteResults = Callable[..., Path]


@pytest.fixture
def write_results(tmp_path: Path) -> WriteResults:
    """Writes files as lm_eval 0.4.13 writes them."""

    def write(*, without: str = "") -> Path:
        folder = tmp_path / "results" / "austen"
        folder.mkdir(parents=True)
        rows: dict[str, list[dict[str, Any]]] = {
            WHOLE: [{"doc_id": 0, "resps": [["-30.5"]]}],
            LINES: [{"doc_id": 1, "resps": [[-20.25]]}, {"doc_id": 0, "resps": [[-10.0]]}],
            CHOICES: [{"doc_id": 0, "resps": [[["-1.5", "True"]], [["-2.5", "False"]]]}],
        }
        for task, samples in rows.items():
            if task != without:
                lines = "".join(json.dumps(sample) + "\n" for sample in samples)
                (folder / f"samples_{task}_2026-11-27T10-00-00.jsonl").write_text(lines, encoding="utf-8")
        table = {"results": {CHOICES: {"acc,none": 1.0}, WHOLE: {"word_perplexity,none": 99.5}}}
        (folder / "results_2026-11-27T10-00-00.json").write_text(json.dumps(table), encoding="utf-8")
        return tmp_path / "results"

    return write
