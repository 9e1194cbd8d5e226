"""Mails of an mbox and messages of chat exports as documents: what people wrote themselves, without quotes."""

import json
import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from itertools import islice, takewhile
from typing import Any, NamedTuple

from nextword.errors import TextError
from nextword.text.options import DEFAULT_OPTIONS
from nextword.text.sources.documents import Document, documents_of_rows


class Mail(NamedTuple):
    """A mail of an mbox."""

    sender: str
    text: str  # what the sender wrote; empty if there is no plain part
    is_html_only: bool


_Messages = Iterator[tuple[str, str]]  # the sender and the text of each

_WHATSAPP = re.compile(
    r"\u200e?\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[APap]\.?\s?[Mm]\.?)?(?:\] | - )"
    r"(?:(?P<sender>[^:]+): )?(?P<text>.*)"
)
_OPEN_QUOTE = re.compile('"[^"]*$|\u201c[^\u201d]*$|\u201e[^\u201c\u201d]*$|\u00ab[^\u00bb]*$')
_CLOSING_QUOTES = ('"', "\u201c", "\u201d", "\u00bb")
_DATE = re.compile(r"\d[:.]\d\d|\d{4}")
_ENDS = {"--", "_" * 32, "_" * 40, "_" * 47}  # above a signature; two of Outlook's quoted mails; a list's own lines
_MAX_FIRST_LINES = 20
_SENDERS = {"from", "user", "author", "actor", "type"}
"""Keys of which each message has one: a sender, or what kind of message it is."""

_MEDIA = re.compile(r"\u200e|<[^<>]*>$")


def documents_of_messages(messages: _Messages, sender: str | None, shown: str) -> Iterator[Document]:
    """Yield the messages of a sender, or of all."""
    number = 0
    for number, (name, text) in enumerate(messages, start=1):
        if text.strip() and (sender is None or sender.casefold() in name.casefold()):
            yield Document(f"`{shown}`, message {number}", text.strip())
    if not number:
        raise TextError(f"`{shown}` must hold messages, but none is found; check the export, or rename a plain text")


def mails(blocks: Iterable[bytes], shown: str) -> Iterator[Mail]:
    """Yield the mails of an mbox; the text is the first plain part without quotes, signature and forwarded mails."""
    held: list[bytes] = []
    for number, line in enumerate(_lines(blocks)):
        if number == 0 and not line.startswith(b"From "):
            raise TextError(
                f"`{shown}` must be an mbox, whose mails begin with a line `From `, but is not; check the file"
            )
        if line.startswith(b"From ") and not (held and held[-1].strip()):
            yield from _mail(held)
            held = []
        else:
            held.append(line[1:] if line.startswith(b">From ") else line)
    yield from _mail(held)


def whatsapp_messages(lines: Iterable[str]) -> _Messages:
    """Yield the messages of a chat that WhatsApp exported, without media and without what WhatsApp itself says."""
    sender, held = "", list[str]()
    for line in lines:
        if found := _WHATSAPP.match(line):
            if sender and held:
                yield sender, "\n".join(held)
            sender, text = found["sender"] or "", found["text"]
            if _OPEN_QUOTE.search(sender) and text.endswith(_CLOSING_QUOTES):  # Ann changed the subject to "Trip: Rome"
                sender = ""
            held = [] if _MEDIA.match(text) else [text]
        elif held:
            held.append(line)
    if sender and held:
        yield sender, "\n".join(held)


def is_whatsapp_chat(lines: Iterable[str]) -> bool:
    """Return whether one of the first lines begins as those of a chat that WhatsApp exported."""
    return any(_WHATSAPP.match(line) for line in islice(lines, _MAX_FIRST_LINES))


def json_documents(lines: Iterable[str], field: str, sender: str | None, shown: str) -> Iterator[Document]:
    """Yield the messages of a chat export in JSON, or the records of a list whose field is asked for."""
    table = _json(lines, shown)
    if sender is not None or _has_messages(table, field):
        yield from documents_of_messages(_json_messages(table, shown), sender, shown)
    else:
        yield from documents_of_rows(table, field, f"`{shown}`")


def json_chat(lines: Iterable[str], shown: str) -> _Messages:
    """Yield the messages of a chat export in JSON: of Telegram, of DiscordChatExporter, or of a day in Slack."""
    return _json_messages(_json(lines, shown), shown)


def _json(lines: Iterable[str], shown: str) -> Any:
    try:
        return json.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        raise _no_chat(shown) from error


def _has_messages(table: Any, field: str) -> bool:
    """Return whether parsed JSON is a chat. A list with a field of another name, or without senders, has records."""
    if not isinstance(table, list) or not all(isinstance(row, dict) for row in table):
        return True
    return field == DEFAULT_OPTIONS.field and any(not _SENDERS.isdisjoint(row) for row in table)


def _json_messages(table: Any, shown: str) -> _Messages:
    try:
        chats = table["chats"]["list"] if isinstance(table, dict) and "chats" in table else [table]
        messages = [message for chat in chats for message in (chat if isinstance(chat, list) else chat["messages"])]
        found = [_message(message) for message in messages]
    except (TypeError, LookupError, AttributeError) as error:
        raise _no_chat(shown) from error
    yield from found


def _no_chat(shown: str) -> TextError:
    return TextError(
        f"`{shown}` must be a list of records or a chat that Telegram, Discord or Slack exported, because its name "
        "ends in .json, but is neither; rename it to .txt to read it as plain text, or to .jsonl if each line is a "
        "record"
    )


def _message(message: dict[str, Any]) -> tuple[str, str]:
    text = message.get("text") or message.get("content") or ""
    parts = text if isinstance(text, list) else [text]
    author = message.get("from") or message.get("user") or message.get("author") or ""
    name = author["name"] if isinstance(author, dict) else author
    return str(name), "".join(part if isinstance(part, str) else part["text"] for part in parts)


def _mail(lines: list[bytes]) -> Iterator[Mail]:
    if lines:
        mail = message_from_bytes(b"".join(lines))
        own = takewhile(lambda part: part.get_content_maintype() != "message", mail.walk())  # not of an attached mail
        shown = {part.get_content_type(): part for part in reversed([*own]) if not part.get_filename()}
        plain = shown.get("text/plain")
        text = own_lines(_content(plain)) if plain else ""
        yield Mail(_header(mail["From"]), text, is_html_only=plain is None and "text/html" in shown)


def _header(value: Any) -> str:
    try:
        return str(make_header(decode_header(str(value or ""))))
    except (LookupError, ValueError, MessageError):
        return str(value)


def _content(part: Message) -> str:
    data = part.get_payload(decode=True)
    text = data if isinstance(data, bytes) else b""
    try:
        return text.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # of an unknown encoding, or a name that is none
        return text.decode("latin-1")


def own_lines(body: str) -> str:
    r"""Return the lines of a mail that its sender wrote."""
    lines: list[str] = []
    is_quote = False
    for line in body.splitlines():
        bare = line.strip()
        if bare in _ENDS or (bare[:3] == bare[-3:] == "---" and any(map(str.isalpha, bare))):
            break  # a signature, or a quoted or forwarded mail
        if line.startswith(">") and not is_quote and any(lines):
            while not lines[-1].strip():
                lines.pop()
            if lines[-1].rstrip().endswith(":"):  # "On 5 May 2026, Ann wrote:", in one line or two
                del lines[-2 if _DATE.search("".join(lines[-2:-1])) and not _DATE.search(lines[-1]) else -1 :]
        is_quote = line.startswith(">")
        if not is_quote and (bare or any(lines[-1:])):
            lines.append(line.rstrip())
    return "\n".join(lines).strip()


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for block in blocks:
        *whole, held = (held + block).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if held:
        yield held
