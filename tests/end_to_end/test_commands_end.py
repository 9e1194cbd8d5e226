"""A command that a test starts ends with the test, whatever becomes of it."""

import pytest

from support.command_line import CommandLine


@pytest.mark.filterwarnings("error")  # of a process that still runs, and of a pipe that is open
def test_a_running_command_is_killed_and_its_pipes_are_closed(command_line: CommandLine) -> None:
    process = command_line.start("suggest", "austen", "--interactive")
    assert process.poll() is None
    command_line.end()
    assert process.returncode is not None
    assert process.stdout is not None
    assert process.stdout.closed
    assert command_line.started == []
