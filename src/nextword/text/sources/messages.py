"""Mails of an mbox and messages of chat exports as documents: what people wrote themselves, without quotes."""

import json
import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from itertools import takewhile
from typing import Any

from nextword.errors import TextError
from nextword.text.sources.documents import Document

_Messages = Iterator[tuple[str, str]]  # the sender and the text of each

_WHATSAPP = re.compile(
    r"\u200e?\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[APap]\.?\s?[Mm]\.?)?(?:\] | - )"
    r"(?:(?P<sender>[^:]+): )?(?P<text>.*)"
)
_DATE = re.compile(r"\d[:.]\d\d|\d{4}")
_ENDS = {"--", "_" * 32, "_" * 40, "_" * 47}  # above a signature; two of Outlook's quoted mails; a list's own lines
_MEDIA = re.compile(r"\u200e|<[^<>]*>$")


def documents_of_messages(messages: _Messages, sender: str | None, shown: str) -> Iterator[Document]:
    """Yield the messages of a sender, or of all."""
    number = 0
    for number, (name, text) in enumerate(messages, start=1):
        if text.strip() and (sender is None or sender.casefold() in name.casefold()):
            yield Document(f"`{shown}`, message {number}", text.strip())
    if not number:
        raise TextError(f"`{shown}` must hold messages, but none is found; check the export, or rename a plain text")


def mails(blocks: Iterable[bytes], shown: str) -> _Messages:
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
            held = [] if _MEDIA.match(text) else [text]
        elif held:
            held.append(line)
    if sender and held:
        yield sender, "\n".join(held)


def json_messages(lines: Iterable[str], shown: str) -> _Messages:
    """Yield the messages of a chat export in JSON: of Telegram, of DiscordChatExporter, or of a day in Slack."""
    try:
        table = json.loads("\n".join(lines))
        chats = table["chats"]["list"] if isinstance(table, dict) and "chats" in table else [table]
        messages = [message for chat in chats for message in (chat if isinstance(chat, list) else chat["messages"])]
        found = [_message(message) for message in messages]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise TextError(
            f"`{shown}` must be a chat that Telegram, Discord or Slack exported, because its name ends in .json, but "
            "is not; rename it to .txt to read it as plain text, or to .jsonl if each line is a record"
        ) from error
    yield from found


def _message(message: dict[str, Any]) -> tuple[str, str]:
    text = message.get("text") or message.get("content") or ""
    parts = text if isinstance(text, list) else [text]
    author = message.get("from") or message.get("user") or message.get("author") or ""
    name = author["name"] if isinstance(author, dict) else author
    return str(name), "".join(part if isinstance(part, str) else part["text"] for part in parts)


def _mail(lines: list[bytes]) -> _Messages:
    if lines:
        mail = message_from_bytes(b"".join(lines))
        own = takewhile(lambda part: part.get_content_maintype() != "message", mail.walk())  # not of an attached mail
        is_text = (part for part in own if part.get_content_type() == "text/plain" and not part.get_filename())
        yield _header(mail["From"]), "".join(own_lines(_content(part)) for part in [next(is_text, None)] if part)


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
    r"""Return the lines of a mail that its sender wrote.

    Example:
        >>> own_lines("Yes.\n\nOn Monday, Ann wrote:\n> Tea?\n> Ann\nAt four.\n-- \nBob")
        'Yes.\n\nAt four.'
    """
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
