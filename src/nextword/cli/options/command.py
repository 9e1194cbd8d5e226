"""A command whose help opens with examples, shows every default, and fits two screens."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self, override

import click

from nextword.cli.options.setting_option import (
    CommandOptions,
    Option,
    SettingOption,
    given_tables,
    parameters_of,
    shown,
)
from nextword.cli.output.messages import COMMON, common_options
from nextword.settings import Settings

_SECTIONS = {
    "": "Options",
    "length": "Run length",
    "text": "Text",
    "size": "Model size",
    "regularization": "Regularization",
    "optimization": "Optimization",
    "batching": "Batching",
    "sampling": "Sampling",
    "search": "Search",
    "scoring": "Scoring",
    "session": "With --complete or --interactive",
    "method": "Method settings (with --method)",
    "weights": "Weights",
    "export": "Precision",
}
"""The headings of a help, in their order, by the task that an option is for."""

_WIDEST_SPEC = 26


@dataclasses.dataclass(frozen=True)
class OptionHelp:
    """What a help says about an option."""

    spec: str  # its names and its value, such as `-k, --top N`
    meaning: str  # what it does
    facts: tuple[str, ...]  # its choices, whether it may be repeated, and whether it must be given
    default: str  # its default in words; empty for a switch, which is off

    @classmethod
    def of(cls, option: click.Option, defaults: dict[str, str]) -> Self:
        """Return what is said about an option; `defaults` has defaults of settings by name."""
        default = "" if option.required else _default(option, defaults)
        return cls(_spec(option), option.help or "", tuple(_facts(option)), default)

    @property
    def sentence(self) -> str:
        """All of it in one sentence or two."""
        facts = [*self.facts, *([f"default: {self.default}"] if self.default else [])]
        return f"{self.meaning.removesuffix('.')} ({'; '.join(facts)})." if facts else self.meaning


class Command(click.Command):
    """A command with the help of all commands.

    A command with `CommandOptions` of its own gets them as `options`, and one with flags for settings gets those that
    are on the command line as `given`: tables by group.
    """

    examples: tuple[str, ...] = ()  # command lines that the help opens with
    own: type[CommandOptions] | None = None  # the class of its options
    # The settings that `--help` shows, by name, while `--help-all` shows all; `None` if both are one.
    short: tuple[str, ...] | None = None
    is_common: bool = True  # whether the command has the options of all commands of `nextword`
    variables: Mapping[str, str] = MappingProxyType({})  # environment variables for `--help-all`, with their meaning
    # Returns what settings are if they are not given, by name; their own defaults otherwise.
    defaults: Callable[[click.Context], dict[str, str]] = staticmethod(lambda _context: {})

    @override
    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        words = list(args)
        try:
            return super().parse_args(context, args)
        except click.NoSuchOption as error:
            if not _has_value(error.option_name, words):
                raise
            switches = [option for option in self.params if isinstance(option, click.Option) and option.is_flag]
            names = {name for option in switches for name in (*option.opts, *option.secondary_opts)}
            meant = sorted(set(error.possibilities or ()) - names)
            raise click.NoSuchOption(error.option_name, possibilities=meant, ctx=context) from error

    @override
    def invoke(self, context: click.Context) -> Any:
        settings = {parameter.name for parameter in self.params if isinstance(parameter, SettingOption)}
        arguments = {name: value for name, value in context.params.items() if name not in settings}
        if self.own is not None:
            names = [field.name for field in dataclasses.fields(self.own)]
            arguments["options"] = self.own(**{name: arguments.pop(name) for name in names})
        if settings:
            arguments["given"] = given_tables(context)
        return context.invoke(self.callback, **arguments) if self.callback else None

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summary, examples, usage, explanation and options."""
        summary, _, rest = inspect.cleandoc(self.help or "").partition("\n\n")
        formatter.write_text(summary)
        formatter.write_paragraph()
        formatter.write("Examples:\n" + "".join(f"  {example}\n" for example in self.examples))
        formatter.write_paragraph()
        self.format_usage(context, formatter)
        if rest:
            formatter.write_paragraph()
            formatter.write_text(rest)
        self.format_options(context, formatter)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each task."""
        whole = self.short is None or bool(context.meta.get(_WHOLE))
        for heading, rows in self.options_by_task(context, whole=whole).items():
            with formatter.section(heading):
                formatter.write_dl([(row.spec, row.sentence) for row in rows], col_max=_WIDEST_SPEC)
        if whole and self.variables:
            with formatter.section("Environment variables"):
                formatter.write_dl(list(self.variables.items()), col_max=_WIDEST_SPEC)
        formatter.write_paragraph()
        if self.is_common:
            formatter.write("Common options:\n  -q, --quiet    -v, --verbose    --no-color    -h, --help\n")
        if not whole:
            formatter.write(f"\nMore options: {context.command_path} --help-all\n")

    def options_by_task(self, context: click.Context, *, whole: bool) -> dict[str, list["OptionHelp"]]:
        """Return what the help says about each option, by the heading of its section."""
        defaults = self.defaults(context)
        rows: dict[str, list[OptionHelp]] = {}
        for option in self.get_params(context):
            if isinstance(option, click.Option) and option.name not in COMMON and (whole or self._is_short(option)):
                task = option.task if isinstance(option, SettingOption) else ""
                rows.setdefault(task, []).append(OptionHelp.of(option, defaults))
        return {_SECTIONS[task]: rows[task] for task in sorted(rows, key=list(_SECTIONS).index)}

    def _is_short(self, option: click.Option) -> bool:
        if isinstance(option, SettingOption):
            return option.field.name in (self.short or ())
        return not (isinstance(option, Option) and option.is_rare)


def command(
    *kinds: type[Settings],
    examples: Sequence[str],
    without: Sequence[str] = (),
    short: Sequence[str] | None = None,
    defaults: Callable[[click.Context], dict[str, str]] | None = None,
    is_common: bool = True,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], Command]:
    """Return a decorator that makes a `Command` with a flag for each field of `kinds`, and the common options."""

    def decorate(function: Callable[..., Any]) -> Command:
        made: Command = click.command(cls=Command, add_help_option=False)(function)
        made.examples, made.short = tuple(examples), None if short is None else tuple(short)
        if defaults is not None:
            made.defaults = defaults
        for kind in kinds:
            made.params += parameters_of(kind, without)
            made.own = kind if issubclass(kind, CommandOptions) else made.own
        made.is_common, made.variables = is_common, variables
        made.params += [*(common_options() if is_common else ()), *_help_options()]
        return made

    return decorate


def _has_value(name: str, words: Sequence[str]) -> bool:
    """Return whether an option is followed by a number, or by `=` and a value."""
    following = words[words.index(name) + 1 :] if name in words else []
    is_joined = any(word.startswith(f"{name}=") for word in words)
    return is_joined or bool(following and re.fullmatch(r"[\d.]+", following[0]))


_WHOLE = "nextword.whole_help"


def _help_options() -> Iterator[click.Option]:
    switch: dict[str, Any] = {"is_flag": True, "expose_value": False, "is_eager": True}
    yield click.Option(
        ["-h", "--help", "show_help"], help="Show this help and exit.", callback=_shows_help(whole=False), **switch
    )
    yield click.Option(
        ["--help-all", "show_all_help"], help="Show all options and exit.", callback=_shows_help(whole=True), **switch
    )


def _shows_help(*, whole: bool) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        if given and not context.resilient_parsing:
            context.meta[_WHOLE] = whole
            click.echo(context.get_help())
            context.exit()

    return callback


def _spec(option: click.Option) -> str:
    """Return names and value of an option, such as `-k, --top N` or `--[no-]tied`."""
    names = sorted(option.opts, key=len)
    if option.secondary_opts:
        names = [name.replace("--", "--[no-]", 1) for name in names]
    value = "" if option.is_flag else f" {_metavar(option)}"
    return ", ".join(names) + value


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "NAME"
    if isinstance(option.type, click.Path):
        return "FILE" if option.type.file_okay else "DIR"
    return option.type.name.upper()


def _facts(option: click.Option) -> Iterator[str]:
    """Yield what the help of an option does not say by itself, apart from its default."""
    help_text = option.help or ""
    if isinstance(option.type, click.Choice) and not all(
        re.search(rf"\b{each}\b", help_text) for each in option.type.choices
    ):
        *first, last = option.type.choices
        yield f"{', '.join(first)} or {last}"
    if option.multiple:
        yield "repeatable"
    if option.required:
        yield "required"


def _default(option: click.Option, defaults: dict[str, str]) -> str:
    """Return the default in words; empty for a switch, which is off."""
    if isinstance(option, SettingOption):
        return defaults.get(option.field.name) or option.shown_default
    if isinstance(option.show_default, str):
        return option.show_default
    if option.is_flag and not option.secondary_opts:
        return ""
    if option.multiple and not option.default:
        return "none"
    return shown(option.default) if isinstance(option.default, str | int | float | tuple) else ""
