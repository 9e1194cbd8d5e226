from pathlib import Path

import pytest

from harness.inference.settings import ModelSize
from harness.serving.catalogue import all_plans, nextword_plan
from harness.speed.peer import PeerError

SIZE = ModelSize(vocabulary_size=60, hidden_size=8)


def test_batched_and_unbatched_differ_in_one_setting(tmp_path: Path) -> None:
    plans = {plan.name: plan for plan in all_plans(tmp_path, SIZE, None)}
    for precision in ("float32", "int8"):
        batched, unbatched = plans[f"nextword-{precision}"], plans[f"nextword-{precision}-unbatched"]
        assert unbatched.environment == {**batched.environment, "NEXTWORD_SERVE_MAX_ACTIVE": "1"}
        assert batched.command(80) == unbatched.command(80)
        assert str(tmp_path / precision) in batched.command(80)
        assert batched.model == precision


def test_the_service_is_the_command_that_users_start(tmp_path: Path) -> None:
    command = nextword_plan("ours", tmp_path / "model").command(1234)
    assert list(command[1:]) == ["-m", "nextword", "serve", str(tmp_path / "model"), "--port", "1234"]


def test_the_interpreter_of_pytorch_is_looked_for_when_it_is_needed(tmp_path: Path) -> None:
    *_, plan, _fixed = all_plans(tmp_path, SIZE, "no-such-python")
    with pytest.raises(PeerError, match="no-such-python was named"):
        plan.command(1234)
