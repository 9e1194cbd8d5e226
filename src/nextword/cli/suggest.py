"""`nextword suggest`: what comes next?"""

import json
from pathlib import Path

import click

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.cli.options.shared import OutputFile, bad_bytes_option, json_option
from nextword.cli.options.target import engine_option, open_text_model, run_or_model_argument
from nextword.cli.output.messages import say
from nextword.errors import SettingError
from nextword.inference.suggestion.session import SuggestionSession
from nextword.inference.suggestion.session_options import SessionOptions
from nextword.inference.suggestion.suggestion import Suggestion
from nextword.inference.suggestion.suggestion import suggest as suggest_words
from nextword.inference.suggestion.user_words import UserWords
from nextword.text.options import OnBadBytes


@command(
    SessionOptions,
    short=["learn", "restore_case"],
    examples=[
        'nextword suggest austen "I am very much"',
        'nextword suggest runs/demo "I am very much oblig" --complete -k 3',
        "nextword suggest runs/demo --interactive --user-words my-words.json --json",
    ],
)
@run_or_model_argument
@click.argument("text", default="")
@click.option("-k", "--top", "count", type=click.IntRange(1), default=5, help="Number of suggestions.")
@click.option("--complete", is_flag=True, help="Complete the last word of TEXT; after a space, suggest the next.")
@click.option("--interactive", is_flag=True, help="Answer each line of standard input.")
@click.option(
    "--user-words",
    "words_file",
    metavar="FILE",
    type=OutputFile(),
    help="Read your own words from this file; with --interactive, update it.",
    show_default="none",
)
@bad_bytes_option
@engine_option
@json_option
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
    """Suggest the next word, or complete the one being typed.

    Each line of the output is a word with its probability. The last word of TEXT counts as complete, unless --complete
    is given. With --interactive, each line of standard input is the whole text typed so far. After a space the answer
    is the next word, else completions. An empty line starts a new text, and learns the words of the one before.
    """
    if complete and interactive:
        raise SettingError("`--complete` must be left out with `--interactive`, which completes words anyway")
    if interactive and text:
        raise SettingError(f"TEXT must be left out with `--interactive`, but is {text!r}; write it to standard input")
    if not (complete or interactive):
        _refuse_session_options(given, words_file)
        model = open_text_model(run_or_model)
        _print(text, suggest_words(model, text, count, restore_case=True), as_json=as_json)
        return
    options = given_settings(given, SessionOptions)
    is_there = words_file is not None and (words_file.exists() or complete)
    words = UserWords.load(words_file) if words_file is not None and is_there else UserWords()
    session = SuggestionSession(open_text_model(run_or_model), user_words=words, options=options)
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
        raise SettingError(f"`{flag}` needs `--complete` or `--interactive`; add one of them, or leave it out")


def _answer(session: SuggestionSession, count: int, on_bad_bytes: OnBadBytes, *, as_json: bool) -> None:
    """Answer each line of standard input with what may come after it."""
    from nextword.text.reading.input_lines import InputLines  # here, for it costs a cold start 5 ms

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
    if not suggestions:
        say("no suggestions")
    for suggestion in suggestions:
        click.echo(f"{suggestion.probability:7.2%}  {suggestion.text}")


def _json(text: str, suggestions: list[Suggestion]) -> str:
    return json.dumps({"text": text, "suggestions": [vars(suggestion) for suggestion in suggestions]})
