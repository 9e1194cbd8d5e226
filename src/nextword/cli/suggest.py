"""`nextword suggest`: what comes next?"""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile
from nextword.cli.options.setting_option import Tables, argument, given_settings, option
from nextword.cli.options.target import AnswerOptions
from nextword.cli.output.messages import say
from nextword.errors import SettingError
from nextword.inference.suggestion.session import SuggestionSession, with_space
from nextword.inference.suggestion.suggestion import SessionOptions, Suggestion
from nextword.inference.suggestion.suggestion import suggest as suggest_words
from nextword.inference.suggestion.user_words import UserWords


@dataclass(frozen=True, kw_only=True)
class _SuggestOptions(AnswerOptions):
    text: str = argument("")
    top: int = option(5, "-k", help="Number of suggestions.", at_least=1)
    complete: bool = option(False, help="Complete the last word of TEXT; after a space, suggest the next.")
    interactive: bool = option(False, help="Answer each line of standard input.")
    user_words: Path | None = option(
        None, help="Read learned and forgotten words from this file; with --interactive, update it.", type=OutputFile()
    )


@command(
    _SuggestOptions,
    SessionOptions,
    short=["learn", "restore_case"],
    examples=[
        'nextword suggest austen "I am very much"',
        'nextword suggest runs/demo "I am very much oblig" --complete -k 3',
        "nextword suggest runs/demo --interactive --user-words my-words.json --json",
    ],
)
def suggest(options: _SuggestOptions, given: Tables) -> None:
    """Suggest the next word, or complete the one being typed.

    Each line of the output is a word with its probability. The last word of TEXT counts as complete, unless --complete
    is given. With --interactive, each line of standard input is the whole text typed so far. After a space the answer
    is the next word, else completions. An empty line starts a new text, and learns the words of the one before.
    """
    text, complete, interactive = options.text, options.complete, options.interactive
    if complete and interactive:
        raise SettingError("`--complete` must be left out with `--interactive`, which completes words anyway")
    if interactive and text:
        raise SettingError(f"TEXT must be left out with `--interactive`, but is {text!r}; write it to standard input")
    if not (complete or interactive or options.user_words):
        _refuse_session_options(given)
        model = options.open_model()
        _print(text, suggest_words(model, text, options.top), as_json=options.as_json)
        return
    words_file = options.user_words
    is_there = words_file is not None and (words_file.exists() or not interactive)
    words = UserWords.load(words_file) if words_file is not None and is_there else UserWords()
    model = options.open_model()
    session = SuggestionSession(model, user_words=words, options=given_settings(given, SessionOptions))
    if not interactive:
        session.type(text if complete else with_space(text, model.tokenizer))
        _print(text, session.suggestions(options.top), as_json=options.as_json)
        return
    try:
        _answer(session, options)
    finally:
        if words_file is not None:  # it may have changed since it was read
            words = UserWords.load(words_file) if words_file.exists() else UserWords()
            words.merge(session.user_words)
            words.save(words_file)


def _refuse_session_options(given: Tables) -> None:
    for name in given.get(SessionOptions.group, {}):
        flag = f"--{name.replace('_', '-')}"
        raise SettingError(f"`{flag}` needs `--complete` or `--interactive`; add one of them, or leave it out")


def _answer(session: SuggestionSession, options: _SuggestOptions) -> None:
    from nextword.text.reading.lines import InputLines  # here, for it costs a cold start 5 ms

    for text in InputLines(on_bad_bytes=options.on_bad_bytes):
        if not text:
            session.finish()
        session.replace(text)
        suggestions = session.suggestions(options.top)
        shown = "  ".join(f"{suggestion.text} {suggestion.probability:.2%}" for suggestion in suggestions)
        click.echo(_json(text, suggestions) if options.as_json else shown)
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
