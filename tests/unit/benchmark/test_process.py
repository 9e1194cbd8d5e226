"""What the training benchmark does not need of a process; all else is tested with the worker."""

import sys

import pytest

from nextword.benchmark.peer import PeerError
from nextword.benchmark.process import Process

PATIENCE = 60


def test_a_program_may_tell_several_objects_unasked() -> None:
    program = (
        'import os\nfor number in range(3): print(\'{"number": %d, "mark": "%s"}\' % (number, os.environ[\'MARK\']))'
    )
    with Process([sys.executable, "-c", program], {"MARK": "x"}) as process:
        answers = [process.answer(PATIENCE) for _ in range(3)]
        assert answers == [{"number": number, "mark": "x"} for number in range(3)]
        with pytest.raises(PeerError, match="ended with exit code 0"):
            process.answer(PATIENCE)


def test_what_is_told_to_a_program_reaches_it() -> None:
    program = "import json, sys\nfor line in sys.stdin: print(json.dumps(json.loads(line) | {'heard': 1}), flush=True)"
    with Process([sys.executable, "-c", program], {}) as process:
        process.tell({"steps": 2})
        assert process.answer(PATIENCE) == {"steps": 2, "heard": 1}
