"""`nextword suggest`: what comes next?"""

import json
from pathlib import Path

import click

from nextword.cli.options import OutputFile, Tables, bad_bytes_option, given_settings, settings_command
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.errors import SettingError
from nextword.suggestion.session import SuggestionSession
from nextword.suggestion.session_options import SessionOptions
from nextword.suggestion.suggestion import Suggestion
from nextword.suggestion.suggestion import suggest as suggest_words
from nextword.suggestion.user_words import UserWords
from nextword.text.options import OnBadBytes


@settings_command(SessionOptions)
@run_or_model_argument
@click.argument("text", default="")
@click.option("-k", "--top", "count", default=5, show_default=True, help="Number of suggestions.")
@click.option("--complete", is_flag=True, help="Complete the word that TEXT ends with; after a space, the next word.")
@click.option("--interactive", is_flag=True, help="Read a text as it grows, a line each time it has; see below.")
@click.option("--user-words", "words_file", type=OutputFile(), help="File of your own words, as saved here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --interactive one a line.")
@bad_bytes_option
@engine_option
def suggest(
    run_or_model: Path,
    text: str,
    count: int,
    complete: bool,
    interactive: bool,
    words_file: Path | None,
    as_json: bool,
    on_bad_bytes: OnBadBytes,
    given: Tables,
) -> None:
    """Suggest the words most likely to follow TEXT, with their probabilities.

    The last word of TEXT counts as complete, whether a space follows or not; --complete asks for the end of it.

    --interactive reads lines from standard input, each the whole text typed so far, and answers each with a line: after
    a space the next word, else the end of the one being typed. An empty line begins a new text, and learns the words of
    the one before; so does the end, if --user-words keeps them.
    """
    if complete and interactive:
        raise SettingError("`--complete` must be left out with `--interactive`, which completes words as it is")
    if interactive and text:
        raise SettingError(f"TEXT must be left out with `--interactive`, but is {text!r}; write it to standard input")
    if not (complete or interactive):
        _refuse_session_options(given, words_file)
        model = Target.of(run_or_model).open()
        _print(text, suggest_words(model, text, count, restore_case=True), as_json=as_json)
        return
    options = given_settings(given, SessionOptions)
    is_there = words_file is not None and (words_file.exists() or complete)
    words = UserWords.load(words_file) if words_file is not None and is_there else UserWords()
    session = SuggestionSession(Target.of(run_or_model).open(), user_words=words, options=options)
    if complete:
        session.type(text)
        _print(text, session.suggestions(count), as_json=as_json)
        return
    try:
        _answer(session, count, on_bad_bytes, as_json=as_json)
    finally:
        if words_file is not None:
            session.user_words.save(words_file)


def _refuse_session_options(given: Tables, words_file: Path | None) -> None:
    names = [*given.get(SessionOptions.group, {}), *(["user_words"] if words_file is not None else [])]
    if names:
        flag = f"--{names[0].replace('_', '-')}"
        raise SettingError(f"`{flag}` must go with `--complete` or `--interactive`; add one of them")


def _answer(session: SuggestionSession, count: int, on_bad_bytes: OnBadBytes, *, as_json: bool) -> None:
    """Answer each line of standard input with what may come after it."""
    from nextword.text.input_lines import InputLines  # here, for it costs a cold start 5 ms

    for text in InputLines(on_bad_bytes=on_bad_bytes):
        if not text:
            session.finish()
        session.replace(text)
        found = session.suggestions(count)
        shown = "  ".join(f"{suggestion.text} {suggestion.probability:.2%}" for suggestion in found)
        click.echo(_json(text, found) if as_json else shown)
    session.finish()


def _print(text: str, suggestions: list[Suggestion], *, as_json: bool) -> None:
    if as_json:
        click.echo(_json(text, suggestions))
        return
    for suggestion in suggestions:
        click.echo(f"{suggestion.probability:7.2%}  {suggestion.text}")


def _json(text: str, suggestions: list[Suggestion]) -> str:
    return json.dumps({"text": text, "suggestions": [vars(suggestion) for suggestion in suggestions]})
