"""schemathesis over the OpenAPI description: valid and invalid data, all phases, NUL included.

No request may get a status of 5xx, an answer that the description lacks, or, with invalid data, success.
"""

from collections import defaultdict
from typing import Any

import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.engine import events, from_schema

from nextword.serving.application import create_application
from nextword.serving.http.access import Access
from nextword.serving.served_model import ModelSlot
from nextword.serving.settings import ServingSettings
from support.text_service import tiny_model
from support.trust_cases import TrustCases, trust_amount

SETTINGS = ServingSettings(max_tokens=20, max_prompt_tokens=500, queue_seconds=60.0)

ACCEPTED = ["2xx", "3xx", "400", "404", "409"]
"""Statuses for data that fit the schema. Some rules are not in it, such as that a text has one gap."""


def _failures(num_examples: int, trust_cases: TrustCases) -> dict[tuple[str, str], list[str]]:
    model = tiny_model(name="tiny")
    slot = ModelSlot(model)
    # With keys, reloads from everywhere are allowed.
    access = Access.of("127.0.0.1", keys=["0123456789abcdef"], allow_hosts=["testserver"])
    application = create_application(slot, SETTINGS, lambda: tiny_model(name="tiny"), access=access)
    headers = {"Authorization": "Bearer 0123456789abcdef"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", application, headers=headers)
    schema.config.update(headers=headers)
    schema.config.generation.update(
        modes=list(GenerationMode), max_examples=num_examples, deterministic=True, allow_x00=True, no_shrink=True
    )
    schema.config.checks.positive_data_acceptance.expected_statuses = ACCEPTED
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    phases: dict[str, str] = {}
    num_requests = 0
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                _collect(event, found)
                num_requests += len(event.recorder.interactions)
            case events.NonFatalError() | events.FatalError():
                found["error", type(event).__name__].append(str(getattr(event, "info", None) or event))
            case events.PhaseFinished():
                phases[event.phase.name.value] = event.status.value
    slot.current.scheduler.close()
    if not found:
        assert {phases[name] for name in ("examples", "coverage", "fuzzing")} == {"success"}
    trust_cases.add(num_requests, num_requests - sum(map(len, found.values())))
    return dict(found)


def _collect(event: Any, found: defaultdict[tuple[str, str], list[str]]) -> None:
    for checks in event.recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                shown = f"{failure.message}\n{check.failure_info.code_sample}"
                found[str(event.recorder.label), failure.title].append(shown)


def test_no_data_breaks_the_service(trust_cases: TrustCases) -> None:
    failures = _failures(3, trust_cases)
    assert not failures, "\n\n".join(f"{where}: {shown[0]}" for where, shown in failures.items())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_much_data_breaks_the_service_neither(trust_cases: TrustCases) -> None:
    failures = _failures(trust_amount(50, 150), trust_cases)
    assert not failures, "\n\n".join(f"{where}: {shown[0]}" for where, shown in failures.items())
