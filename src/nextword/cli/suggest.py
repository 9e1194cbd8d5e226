"""`nextword suggest`: what comes next?"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from nextword.cli.options import OutputFile, SettingsCommand, bad_bytes_option, given_tables, settings_options
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.errors import SettingError
from nextword.suggestion.session import SuggestionSession
from nextword.suggestion.session_options import SessionOptions
from nextword.suggestion.suggestion import Suggestion
from nextword.suggestion.suggestion import suggest as suggest_words
from nextword.suggestion.user_words import UserWords
from nextword.text.options import OnBadBytes


@settings_options([SessionOptions])
@click.command(cls=SettingsCommand)
@run_or_model_argument
@click.argument("text", default="")
@click.option("-k", "count", default=5, show_default=True, help="Number of suggestions.")
@click.option("--complete", is_flag=True, help="Complete the word that TEXT ends with; after a space, the next word.")
@click.option("--interactive", is_flag=True, help="Read a text as it grows, a line each time it has; see below.")
@click.option("--words", "words_file", type=OutputFile(), help="File of your own words, as saved here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --interactive one a line.")
@bad_bytes_option
@engine_option
@click.pass_context
def suggest(
    context: click.Context,
    /,
    run_or_model: Path,
    text: str,
    count: int,
    complete: bool,
    interactive: bool,
    words_file: Path | None,
    as_json: bool,
    on_bad_bytes: OnBadBytes,
    **_settings: Any,
) -> None:
    """Suggest the words most likely to follow TEXT, with their probabilities.

    The last word of TEXT counts as complete, whether a space follows or not; --complete asks for the end of it.

    --interactive reads lines from standard input, each the whole text typed so far, and answers each with a line: after
    a space the next word, else the end of the one being typed. An empty line begins a new text, and learns the words of
    the one before; so does the end, where --words keeps them.
    """
    options = _session_options(context, text, complete=complete, interactive=interactive, words_file=words_file)
    if options is None:
        _print(text, _next_words(run_or_model, text, count), as_json=as_json)
        return
    session = _session(run_or_model, options, words_file, may_be_new=interactive)
    if complete:
        session.type(text)
        _print(text, session.suggestions(count), as_json=as_json)
        return
    try:
        for so_far, suggestions in _answers(session, count, on_bad_bytes):
            _print_line(so_far, suggestions, as_json=as_json)
    finally:
        if words_file is not None:
            session.user_words.save(words_file)


def _session_options(
    context: click.Context, text: str, *, complete: bool, interactive: bool, words_file: Path | None
) -> SessionOptions | None:
    """Return the settings of a session, if there is one, once it is clear that all that was given goes together."""
    table = given_tables(context).get(SessionOptions.group, {})
    if complete and interactive:
        raise SettingError("`--complete` must be left out with `--interactive`, which completes words as it is")
    if interactive and text:
        raise SettingError(f"TEXT must be left out with `--interactive`, but is {text!r}; write it to standard input")
    if complete or interactive:
        return SessionOptions.from_table(table)
    given = [f"--{name.replace('_', '-')}" for name in table] + ["--words"] * (words_file is not None)
    if given:
        raise SettingError(f"`{given[0]}` must go with `--complete` or `--interactive`; add one of them")
    return None


def _next_words(run_or_model: Path, text: str, count: int) -> list[Suggestion]:

    model = Target.of(run_or_model).open()
    return suggest_words(model, text, count, restore_case=True)


def _session(
    run_or_model: Path, options: SessionOptions, words_file: Path | None, *, may_be_new: bool
) -> SuggestionSession:

    is_there = words_file is not None and (words_file.exists() or not may_be_new)
    words = UserWords.load(words_file) if words_file is not None and is_there else UserWords()
    model = Target.of(run_or_model).open()
    return SuggestionSession(model, user_words=words, options=options)


def _answers(
    session: SuggestionSession, count: int, on_bad_bytes: OnBadBytes
) -> Iterator[tuple[str, list[Suggestion]]]:
    """Yield each line of standard input with what may come after it."""
    from nextword.text.input_lines import InputLines  # here, for it costs a cold start 5 ms

    for text in InputLines(on_bad_bytes=on_bad_bytes):
        if not text:
            session.finish()
        session.replace(text)
        yield text, session.suggestions(count)
    session.finish()


def _print(text: str, suggestions: list[Suggestion], *, as_json: bool) -> None:
    if as_json:
        _print_line(text, suggestions, as_json=True)
        return
    for suggestion in suggestions:
        click.echo(f"{suggestion.probability:7.2%}  {suggestion.text}")


def _print_line(text: str, suggestions: list[Suggestion], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"text": text, "suggestions": [vars(suggestion) for suggestion in suggestions]}))
        return
    click.echo("  ".join(f"{suggestion.text} {suggestion.probability:.2%}" for suggestion in suggestions))
