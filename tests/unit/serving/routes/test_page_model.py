"""What the page shows of a model, and which models it can run."""

import json
import shutil
from pathlib import Path

import pytest

import nextword
from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.bundle.samples import sample_model_path
from nextword.display.page.page_facts import CurvePoint, curve_chart
from nextword.errors import ExportError
from nextword.serving.http.errors import ApiError
from nextword.serving.routes.page_model import description_of, packed_model
from support.text_service import served, tiny_model


def test_a_model_that_the_page_cannot_run_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_named: object) -> bytes:
        raise ExportError("a model must have one of the cells lstm, gru")

    monkeypatch.setattr("nextword.serving.routes.page_model.pack_model", refuse)
    model = tiny_model()
    with pytest.raises(ApiError, match="one of the cells lstm, gru") as caught:
        packed_model(model)
    assert caught.value.status == 404
    model.scheduler.close()


def test_a_run_adds_its_figures_and_its_curve(tmp_path: Path) -> None:
    shutil.copytree(sample_model_path("austen"), tmp_path / "model")
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    figures = {"perplexity": 65.004, "bits_per_character": 1.4, "num_out_of_vocabulary": 1, "accuracy": 0.2419}
    rows = [{"split": "test", **figures, "num_tokens": 8, "protocol": "every token once"}]
    (tmp_path / "metrics.json").write_text(json.dumps({"splits": rows}), encoding="utf-8")
    row = {"round": 1, "train_perplexity": 300.0, "valid_perplexity": 200.0}
    (tmp_path / "log.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    model = served(
        nextword.load("austen"), text=OriginText(Origin.of_bundle(tmp_path / "model")), methods="cache (cache_size 50)"
    )
    described = description_of(model)
    assert described.figures["perplexity (test)"] == "65.00"
    assert described.figures["accuracy (test)"] == "24.19%"
    assert described.figures["methods"] == "cache (cache_size 50)"
    assert described.chart == curve_chart([CurvePoint(1, 300.0, 200.0)])
    for damaged in ("metrics.json", "log.jsonl"):
        (tmp_path / damaged).write_text("{", encoding="utf-8")
    described = description_of(model)
    assert "perplexity (test)" not in described.figures
    assert described.chart is None
    model.scheduler.close()
