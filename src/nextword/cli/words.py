"""`nextword words`: which words did a person teach, and which are never suggested?"""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile
from nextword.cli.options.setting_option import JsonOptions, argument, option
from nextword.cli.output.messages import say
from nextword.errors import SettingError, counted
from nextword.inference.suggestion.user_words import UserWords


@dataclass(frozen=True, kw_only=True)
class _WordsOptions(JsonOptions):
    file: Path = argument(type=OutputFile())
    add: tuple[str, ...] = option(
        (), help="Learn this word, or allow it if it was forgotten; repeat for more.", metavar="WORD"
    )
    forget: tuple[str, ...] = option(
        (), help="Never suggest this word, even if the vocabulary has it; repeat for more.", metavar="WORD"
    )
    merge: tuple[Path, ...] = option(
        (), help="Add the words of another file of user words; repeat for more.", metavar="FILE"
    )


@command(
    _WordsOptions,
    examples=[
        "nextword words my-words.json --add Kowalczyk",
        "nextword words my-words.json --forget damn --forget hell --json",
        "nextword words words-of-both.json --merge my-words.json",
    ],
)
def words(options: _WordsOptions) -> None:
    """List, change or merge learned words and forgotten ones.

    FILE is the file of `nextword suggest --user-words`. Each line of the output has the number of uses and a word, the
    most used first; "never" stands before words that are never suggested. If something is to be learned, forgotten or
    merged, FILE is changed first, or made. In a merge a word gets the larger number of uses, and FILE decides whether
    it is forgotten.
    """
    changes = bool(options.add or options.forget or options.merge)
    known = UserWords() if changes and not options.file.exists() else UserWords.load(options.file)
    for other in options.merge:
        known.merge(UserWords.load(other))
    for word in options.add:
        (known.allow if known.is_forgotten(word) else known.learn)(word)
    for word in options.forget:
        known.forget(word)
        if not known.is_forgotten(word):
            raise SettingError(
                f"a word to forget must be at most 64 printable characters without a space, but is {word!a}"
            )
    if changes:
        known.save(options.file)
        say(f"`{options.file}` has {counted(len(known), 'word')}, and {len(known.forgotten)} that are never suggested")
    _print(known, as_json=options.as_json)


def _print(known: UserWords, *, as_json: bool) -> None:
    counts = sorted(((word, known.count_of(word)) for word in known), key=lambda item: -item[1])
    if as_json:
        click.echo(json.dumps({"words": dict(counts), "forgotten": known.forgotten}))
        return
    for word, count in counts:
        click.echo(f"{count:5}  {word}")
    for word in known.forgotten:
        click.echo(f"never  {word}")
