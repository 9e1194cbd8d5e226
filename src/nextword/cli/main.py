"""The command `nextword`: its commands, errors and signals."""

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from nextword.cli.output.messages import Invocation, common_options, error_text
from nextword.errors import NextwordError, TrainingInterrupted
from nextword.version import __version__

_GROUPS = {
    "Train": {
        "train": "Train a language model on a text.",
        "runs": "List training runs, or compare some.",
        "presets": "List the presets, or print the settings of one.",
        "mix": "Fit the mixture of a model, or take it out.",
    },
    "Use": {
        "suggest": "Suggest the next word, or complete the one being typed.",
        "generate": "Generate text.",
        "words": "List, change or merge learned words and forgotten ones.",
    },
    "Measure": {
        "evaluate": "Measure perplexity, accuracy, keystrokes or copying.",
        "score": "Score lines: the log-probability of each.",
        "compare": "Show predicted words next to actual words.",
    },
    "Serve": {
        "serve": "Serve a model over HTTP, with a page for the browser.",
        "export": "Make a model run without a training framework.",
    },
    "Tools": {
        "info": "Show a model or a run: figures, files, how to use it.",
        "ngram": "Train an n-gram model, and write it as an ARPA file.",
        "doctor": "Check this machine and report problems.",
    },
}
"""Each command with its summary, by the headings of the help."""

_COMMANDS = {name: summary for group in _GROUPS.values() for name, summary in group.items()}
_WIDEST_NAME = max(map(len, _COMMANDS))

_DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_SIGPIPE = 13  # by number, since Windows has no such signal


class _TrainingStoppedError(Exception):
    """A signal stopped training, and the command has reported it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class _OutputClosedError(Exception):
    """The program that reads the output has ended."""


class _LazyGroup(click.Group):
    """Imports a command's file when the command is called, and not before."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; `help COMMAND` is `COMMAND --help`, and `version` is `--version`."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        elif args[:1] == ["version"]:
            args = ["--version"]
        return super().parse_args(context, args)

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            if context.resilient_parsing:  # the shell asks for completions
                return None
            near = "".join(f"; did you mean `{near}`?" for near in get_close_matches(name, _COMMANDS, n=1))
            raise click.UsageError(f"`{name}` is not a command{near}", context)
        if name not in _GROUPS["Train"]:
            # NumPy multiplies only small matrices here, and next to onnxruntime its threads wait for each other.
            # It reads this when it is imported, with the command. Training multiplies large matrices, for word vectors.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        command: click.Command = getattr(import_module(f"nextword.cli.{name}"), name)
        return command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin with what was typed, without importing them."""
        matches = [
            CompletionItem(name, help=summary) for name, summary in _COMMANDS.items() if name.startswith(incomplete)
        ]
        return [*matches, *click.Command.shell_complete(self, context, incomplete)]

    def invoke(self, context: click.Context) -> Any:
        """Run the command; closed pipes and stopped runs reach `main`, where click would report them its own way."""
        try:
            return super().invoke(context)
        except BrokenPipeError as error:
            raise _OutputClosedError from error
        except TrainingInterrupted as stop:
            raise _TrainingStoppedError(stop.signal_number) from stop

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_text(self.help or "")
        formatter.write_paragraph()
        formatter.write("Examples:\n" + "".join(f"  {example}\n" for example in _EXAMPLES))
        formatter.write_paragraph()
        self.format_usage(context, formatter)
        for heading, commands in _GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:{_WIDEST_NAME}}", summary) for name, summary in commands.items()])
        formatter.write_paragraph()
        formatter.write_text("`nextword help COMMAND` explains a command. `nextword version` shows the version.")


_EXAMPLES = (
    'nextword suggest austen "I am very much"',
    'nextword generate austen --prompt "She was" --max-tokens 50',
    "nextword train my-text.txt --minutes 10 --run runs/demo",
)


@click.group(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help", "--help-all"]}, params=common_options()
)
@click.version_option(
    __version__,
    "-V",
    "--version",
    prog_name="nextword",
    message="%(prog)s %(version)s",
    help="Show the version and exit.",
)
def nextword() -> None:
    """Train a language model on your own text, and use it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit.

    The exit codes are 0 for success, 2 for a mistake of the user's, 3 if training diverged, and 128 + n if signal n
    stopped the command.
    """
    for stream in (sys.stdout, sys.stderr):  # Windows writes files in another encoding than the one that it reads here
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    call = Invocation(list(sys.argv[1:] if arguments is None else arguments))
    try:
        nextword.main(args=list(call.arguments), prog_name="nextword", standalone_mode=False, obj=call)
    except click.exceptions.NoArgsIsHelpError as request:
        request.show()
        sys.exit(2)
    except click.ClickException as error:
        _show_error(error.format_message(), call)
        sys.exit(2)
    except NextwordError as error:
        _show_error(str(error), call)
        sys.exit(error.exit_code)
    except _TrainingStoppedError as stop:
        sys.exit(128 + stop.signal_number)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(128 + signal.SIGINT)
    except _OutputClosedError:
        # Nobody reads the output any more (`nextword generate ... | head`).
        _let_output_go()
        sys.exit(128 + _SIGPIPE)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        _let_output_go()
        _show_error(f"the output cannot be written: {error.strerror}; make room, or name another file", call)
        sys.exit(2)


def _show_error(message: str, call: Invocation) -> None:
    """Print an error in the one form that all errors have, after its traceback if `--verbose`."""
    if call.verbosity > 0:
        traceback.print_exc()
    command = next((f" {word}" for word in call.arguments if word in _COMMANDS), "")
    text = error_text(message, otherwise=f"see `nextword{command} --help`")
    click.echo(text, err=True, color=None if call.color else False)


def _let_output_go() -> None:
    """Let the rest of the output go nowhere, because Python would fail on it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
