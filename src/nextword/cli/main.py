"""The command `nextword`, and what becomes of errors and signals."""

import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from nextword import __version__
from nextword.errors import NextwordError, TrainingInterrupted
from nextword.settings import unknown_name

_COMMANDS = {
    "train": "Train a language model on a text.",
    "tune": "Search for the settings that suit a text.",
    "evaluate": "Measure perplexity and accuracy.",
    "compare": "Show predicted against actual words.",
    "suggest": "Suggest the next word, or the end of the one being typed.",
    "generate": "Write text.",
    "score": "Give each line its log-probability.",
    "rescore": "Reorder the hypotheses of a recognizer.",
    "rank": "Order the candidates for a gap in a text.",
    "surprise": "Find the lines that a model did not expect.",
    "vectors": "Turn lines and words into vectors.",
    "ngram": "Train an n-gram model, and write it as an ARPA file.",
    "export": "Make a model run without a training framework.",
    "info": "Show what a model or a run is, its figures and files.",
    "presets": "List the presets, or print the settings of one.",
    "doctor": "Look at this machine and say what to repair.",
}


_DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_SIGPIPE = 13  # by number, since Windows has no such signal


class _OutputClosedError(Exception):
    """What reads the output has ended."""


class _LazyGroup(click.Group):
    """Imports a command's file when the command is called, and not before."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            raise click.UsageError(unknown_name("command", name, _COMMANDS), context)
        command: click.Command = getattr(import_module(f"nextword.cli.{name}"), name)
        return command

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a closed pipe goes through to `main`, where click itself would exit with 1."""
        try:
            return super().invoke(context)
        except BrokenPipeError as error:
            raise _OutputClosedError from error

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nextword")
def nextword() -> None:
    """LSTM language models of your own: trained on your text, on your machine, and put to work."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 2 a mistake of the user's, 3 training diverged, 128 + n stopped by signal n."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        nextword.main(args=given, prog_name="nextword", standalone_mode=False, obj=given)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.exceptions.NoArgsIsHelpError as request:
        request.show()
        sys.exit(2)
    except click.ClickException as error:
        _show_error(error.format_message())
        if isinstance(error, click.UsageError) and error.ctx:
            click.echo(f"Try `{error.ctx.command_path} --help`.", err=True)
        sys.exit(2)
    except NextwordError as error:
        _show_error(str(error))
        sys.exit(error.exit_code)
    except TrainingInterrupted as stop:
        sys.exit(128 + stop.signal_number)
    except (KeyboardInterrupt, click.Abort):
        click.echo("nextword: interrupted", err=True)
        sys.exit(128 + signal.SIGINT)
    except _OutputClosedError:
        # The reader has gone (`nextword generate ... | head`): nobody is left to tell.
        _let_output_go()
        sys.exit(128 + _SIGPIPE)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        _let_output_go()
        _show_error(f"the output cannot be written: {error.strerror}; make room, or name another")
        sys.exit(2)


def _show_error(message: str) -> None:
    """Print an error in the one form that all errors have."""
    click.echo(f"nextword: error: {message}", err=True)


def _let_output_go() -> None:
    """Let what is left of the output go nowhere, so that Python does not fail on it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
