import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from nextword.errors import TextError
from nextword.text.options import TextOptions
from nextword.text.sources import messages
from nextword.text.sources.files import TextFile
from nextword.text.sources.find import resolve_source
from nextword.text.sources.messages import own_lines

BODY = """Hello,

From here it is fine.

On Mon, 3 Mar 2024 at 10:00, Ann Smith
<ann@x.org> wrote:
> a secret
>
> more

My list:
one
--\x20
Bea
"""
OWN = "Hello,\n\nFrom here it is fine.\n\nMy list:\none"


def mail(sender: str, body: str, charset: str = "utf-8") -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message.set_content(body, charset=charset)
    message.add_alternative("<p>html</p>", subtype="html")
    message.add_attachment(b"attached", maintype="text", subtype="plain", filename="a.txt")
    return b"From bea Mon Mar  3 10:00:00 2024\n" + bytes(message).replace(b"\nFrom here", b"\n>From here") + b"\n"


def texts(path: Path, sender: str | None = None) -> list[str]:
    return [text for _, text in TextFile(path, TextOptions(sender=sender)).documents("line")]


def test_the_line_above_an_attribution_is_kept_if_it_has_no_date() -> None:
    assert own_lines("I agree with you.\nOn Monday, Ann wrote:\n> Tea?") == "I agree with you."
    assert own_lines("I agree.\nOn 3 March 2024, Ann wrote:\n> Tea?") == "I agree."
    assert own_lines("I agree.\n\nOn 3 March 2024, Ann\n<ann@x.org> wrote:\n> Tea?") == "I agree."


@pytest.mark.parametrize("length", [32, 40, 47])
def test_what_follows_a_line_of_a_program_is_not_the_senders(length: int) -> None:
    assert own_lines(f"Yes.\n\n{'_' * length}\nFrom: Ann\nSent: Monday\n\nTea?") == "Yes."


def test_an_attached_mail_is_not_its_senders() -> None:
    outer = EmailMessage()
    outer["From"] = "Bob"
    outer.set_content("<p>See below.</p>", subtype="html")
    inner = EmailMessage()
    inner["From"] = "Ann"
    inner.set_content("secret")
    outer.add_attachment(inner)
    assert [*messages._mail(outer.as_bytes().splitlines(keepends=True))] == [("Bob", "", True)]


def test_mails_are_read_without_quotes_signatures_and_attachments(tmp_path: Path) -> None:
    path = tmp_path / "sent.mbox"
    outlook = "Yes.\n\n-----Original Message-----\nFrom: Ann\nsecret\n"
    unknown = mail("Ann <ann@x.org>", "Café", "latin-1").replace(b"iso-8859-1", b"x-unknown")
    path.write_bytes(mail("Béa <bea@x.org>", BODY) + mail("Ann <ann@x.org>", outlook) + unknown)
    assert texts(path) == [OWN, "Yes.", "Café"]
    assert texts(path, "béa") == texts(path)[:1]
    assert texts(path, "ANN@X.ORG") == ["Yes.", "Café"]


ANDROID = """12/03/2023, 18:22 - Messages are encrypted.
12/03/2023, 18:22 - Ann changed the subject to "Trip: Rome"
12/03/2023, 18:22 - Ann changed the subject from \u201cTrip: Rome\u201d to \u201cTrip: Bari\u201d
3/12/23, 6:22\u202fPM - Ann: Hi: you
and you
12/03/2023, 18:23 - Bob: <Media omitted>
12/03/2023 18:23 - Bob: ok
"""
IPHONE = """\u200e[12.03.23, 18:22:11] Us: \u200eMessages are encrypted.
[12.03.23, 18:22:11] Ann: Hi: you
and you
[12.03.23, 18:22:12] Bob: \u200eimage omitted
[12.03.23, 18:22:12] Bob: ok
"""
SERVICE = {"type": "service", "actor": "Ann", "text": ""}
ANN = {"from": "Ann", "text": ["Hi: ", {"type": "bold", "text": "you"}, "\nand you"]}
BOB = {"from": "Bob", "text": "ok"}
DISCORD = [{"content": text, "author": {"name": name}} for name, text in (("Ann", "Hi: you\nand you"), ("Bob", "ok"))]


@pytest.mark.parametrize(
    ("name", "chat"),
    [
        ("WhatsApp Chat with Ann.txt", ANDROID),
        ("_chat.txt", IPHONE),
        ("result.json", {"messages": [SERVICE, ANN, BOB]}),
        ("all.json", {"chats": {"list": [{"messages": [SERVICE, ANN]}, {"messages": [BOB]}]}}),
        ("discord.json", {"messages": DISCORD}),
        ("2024-03-03.json", [{"user": "Ann", "text": "Hi: you\nand you"}, {"user": "Bob", "text": "ok"}]),
    ],
)
def test_chats_are_read_by_message(name: str, chat: object, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(chat if isinstance(chat, str) else json.dumps(chat), encoding="utf-8")
    assert texts(path) == ["Hi: you\nand you", "ok"]
    assert texts(path, "bob") == ["ok"]
    with pytest.raises(TextError, match=r"must hold messages by 'Zoe', but the senders are .*'Bob'; give `--sender`"):
        resolve_source(path, TextOptions(sender="Zoe"), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("deduplicate", ["none", "documents"])
def test_a_person_need_not_be_in_each_of_several_files(deduplicate: str, tmp_path: Path) -> None:
    for day, name in enumerate(("Ann", "Bob", "Ann")):
        chat = [{"user": name, "text": f"day {day}\n" * 30}]
        (tmp_path / f"{day}.json").write_text(json.dumps(chat), encoding="utf-8")

    def days_of(sender: str) -> set[str]:
        options = TextOptions.from_table({"sender": sender, "deduplicate": deduplicate})
        source = resolve_source(f"{tmp_path}/*.json", options, cache_dir=tmp_path / "cache")
        return {line for part in source.parts.values() for line in b"".join(part.blocks()).decode().split("\n")}

    assert days_of("Bob") == {"day 1", ""}
    assert days_of("Ann") == {"day 0", "day 2", ""}
    with pytest.raises(TextError, match="one of 3 files must hold messages by 'Zoe', but the senders are 'Ann', 'Bob'"):
        days_of("Zoe")


def test_the_messages_of_a_sender_in_several_files_are_found_again(tmp_path: Path) -> None:
    paths = [tmp_path / "a.mbox", tmp_path / "b.mbox"]
    for path in paths:
        path.write_bytes(mail("Ann <ann@x.org>", "one two\n" * 200))
    options = TextOptions(sender="ann")
    source = resolve_source(paths, options, cache_dir=tmp_path / "cache")
    again = resolve_source(source.stored_name, options, cache_dir=tmp_path / "cache")
    assert [part.sha256 for part in again.parts.values()] == [part.sha256 for part in source.parts.values()]
    with pytest.raises(TextError, match="the text in memory` must hold text, but is empty"):
        resolve_source([], options, cache_dir=tmp_path / "cache")


def test_the_sender_is_part_of_what_the_cache_keeps(tmp_path: Path) -> None:
    path = tmp_path / "sent.mbox"
    path.write_bytes(mail("Ann", "Yes"))
    kept = [TextFile(path, TextOptions(sender=sender)).made_by for sender in (None, "Ann", "Bob")]
    assert len(set(kept)) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mbox", "", "must hold messages, but none is found"),
        ("a.mbox", "hello\n", "must be an mbox, whose mails begin with a line `From `"),
        ("a.json", '{"a": 1}', "must be a list of records or a chat that Telegram, Discord or Slack exported"),
        (
            "a.json",
            '{"text": "a"}\n{"text": "b"}\n',
            r"because its name ends in .json, .* rename it to .txt .* to .jsonl",
        ),
        ("a.json", '[{"user": "Ann", "text": [{"no": 1}]}]', "must be a list of records or a chat that"),
    ],
)
def test_other_files_are_refused(name: str, content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TextError, match=message):
        texts(path)


@pytest.mark.parametrize("name", ["_chat.txt", "whatsapp-novel.txt"])
def test_a_plain_text_named_like_a_chat_is_read_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("plain text\n", encoding="utf-8")
    assert texts(tmp_path / name) == ["plain text"]


@pytest.mark.parametrize("field", ["body", "text"])
def test_a_list_of_records_in_json_has_fields(field: str, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([{field: "one", "id": 1}, {field: "two", "id": 2}]), encoding="utf-8")
    documents = TextFile(path, TextOptions(field=field)).documents("line")
    assert [text for _, text in documents] == ["one", "two"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_a_sender_needs_messages(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("text\n", encoding="utf-8")
    with pytest.raises(TextError, match="`--sender` needs mails or chats"):
        texts(path, "Ann")
