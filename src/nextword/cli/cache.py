"""`nextword cache`: what is in the cache, how large is it, and how is it emptied?"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.table import Table

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import JsonOptions, option
from nextword.cli.output.console import Console
from nextword.cli.output.messages import say
from nextword.errors import counted
from nextword.system.cache import CacheEntry, cache_entries, cache_limit, cache_root, remove_entry

_KINDS = {
    "tokens": "token ids of texts",
    "text": "plain text of packed files, records and folders, and texts from Python",
    "vocabulary": "vocabularies",
    "remote": "copies of remote files",
    "samples": "downloaded samples",
    "compiled": "compiled programs of JAX",
    "unfinished": "what is being made, or was interrupted",
}


@dataclass(frozen=True, kw_only=True)
class _CacheOptions(JsonOptions):
    as_list: bool = option(False, "--all", help="List every folder, the one used longest ago first.")
    clear: bool = option(False, help="Remove everything, except what another process has locked.")


@command(_CacheOptions, examples=["nextword cache", "nextword cache --all", "nextword cache --clear"])
def cache(options: _CacheOptions) -> None:
    """Show or clear the cache of texts, token ids and downloads.

    nextword keeps token ids, plain copies of texts, vocabularies, downloads and compiled programs, and makes them again
    if they are missing. It removes the folders used longest ago when the cache exceeds its limit, 20 GB or
    NEXTWORD_CACHE_GB. Only one kind cannot be made again: a text that a Python program had in memory.
    """
    folder, limit = cache_root(), cache_limit()
    if options.clear:
        removed = [entry for entry in cache_entries(folder) if remove_entry(entry)]
        say(f"removed {_size(removed)} from `{folder}`")
    entries = cache_entries(folder)
    if options.as_json:
        rows = [entry._asdict() | {"path": str(entry.path)} for entry in entries]
        table = {"folder": str(folder), "num_bytes": _num_bytes(entries), "limit": limit, "entries": rows}
        click.echo(json.dumps(table))
    else:
        _print(folder, limit, entries, as_list=options.as_list)


def _print(folder: Path, limit: int, entries: Sequence[CacheEntry], *, as_list: bool) -> None:
    click.echo(f"{folder}: {_size(entries)} of at most {limit / 10**9:g} GB")
    table = Table(box=None, show_header=False, pad_edge=False)
    entries = [entry for entry in entries if entry.num_bytes]  # without the locks of earlier runs
    if as_list:
        for entry in entries:
            used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
            table.add_row(_size([entry]), used, entry.path.name[:40])
    else:
        for kind, meaning in _KINDS.items():
            if of_kind := [entry for entry in entries if entry.kind == kind]:
                table.add_row(kind, counted(len(of_kind), "entry", "entries"), _size(of_kind), meaning)
    if table.row_count:
        Console(highlight=False).print(table)


def _size(entries: Sequence[CacheEntry]) -> str:
    return f"{_num_bytes(entries) / 10**6:,.1f} MB"


def _num_bytes(entries: Sequence[CacheEntry]) -> int:
    return sum(entry.num_bytes for entry in entries)
