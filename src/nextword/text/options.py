"""The settings that turn a text into a corpus, with their defaults for each tokenizer, and a corpus into windows."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from nextword.errors import SettingError
from nextword.settings import Settings, setting

TokenizerKind = Literal["pretokenized", "word", "subword", "character"]
LineEnds = Literal["line", "paragraph"]
OnBadBytes = Literal["strict", "replace"]

RUNNING_TEXT: frozenset[TokenizerKind] = frozenset(["word", "subword"])
"""The tokenizers for text made of words and punctuation, with lines wrapped in any way."""

_DEFAULT_LIMITS: dict[TokenizerKind, tuple[int, int | None]] = {
    "pretokenized": (1, None),
    "word": (2, 50_000),
    "subword": (2, 8_000),
    "character": (1, None),
}
"""Default minimum count and maximum vocabulary of each tokenizer."""


@dataclass(frozen=True, kw_only=True)
class TextOptions(Settings):
    """How a text is read, cut into tokens and split.

    Raises:
        SettingError: A value is out of its range.

    Example:
        >>> TextOptions().resolved(pretokenized=True).kind
        'pretokenized'
        >>> TextOptions().resolved(pretokenized=False).maximum_vocabulary
        50000
    """

    group: ClassVar[str] = "text"
    task: ClassVar[str] = "text"

    tokenizer: Literal["auto", "pretokenized", "word", "subword", "character"] = setting(
        "auto", help="How to split text into tokens. auto: pretokenized for PTB, WikiText; else word."
    )
    line_ends: Literal["auto", "line", "paragraph"] = setting(
        "auto", help="What `<eos>` marks: each line end, or each blank line. auto: decide by the training text."
    )
    maximum_vocabulary: int | None = setting(
        None,
        help="Keep at most N tokens in the vocabulary.",
        at_least=3,
        at_most=2**22,
        unset="50,000 for word, 8,000 for subword, else no limit",
    )
    minimum_count: int | None = setting(
        None, help="Keep tokens that occur at least N times.", at_least=1, unset="2 for word and subword, else 1"
    )
    valid_fraction: float = setting(
        0.05, help="Fraction of a text without splits to use for validation.", at_least=0.001, at_most=0.4
    )
    test_fraction: float = setting(
        0.05, help="Fraction of a text without splits to use for the test.", at_least=0.001, at_most=0.4
    )
    on_bad_bytes: Literal["strict", "replace"] = setting(
        "strict", help="Refuse bytes that are not UTF-8 and NULs, or replace them with U+FFFD and count them."
    )
    field: str = setting(
        "text", help="Field or column with the text, for JSON Lines, CSV, Parquet and for rows in Python."
    )
    sender: str | None = setting(
        None,
        help="Read only messages by this sender, a part of a name or address, from mails and chats.",
        unset="all senders",
    )
    document: Literal["auto", "file", "paragraph", "line"] = setting(
        "auto",
        help="What a document of plain text is. auto: a file, or a paragraph if there is one file. Each record is one.",
    )
    split_by: Literal["bytes", "document"] = setting(
        "bytes", help="Split by bytes in the text's order, or each document by a hash: equal documents are on one side."
    )
    deduplicate: Literal["none", "documents"] = setting("none", help="Drop documents that occurred before.")

    def resolved(self, *, pretokenized: bool) -> Self:
        """Return the options with all defaults filled in, except `line_ends = "auto"` of running text.

        Args:
            pretokenized: Whether the source has tokens between spaces, as PTB and WikiText do.

        Raises:
            SettingError: `line_ends = "paragraph"` is set for a tokenizer that works line by line.
        """
        automatic: TokenizerKind = "pretokenized" if pretokenized else "word"
        kind = automatic if self.tokenizer == "auto" else self.tokenizer
        minimum_count, maximum_vocabulary = _DEFAULT_LIMITS[kind]
        return self.replace(
            tokenizer=kind,
            line_ends=self.line_ends if kind in RUNNING_TEXT else _always_line(kind, self.line_ends),
            minimum_count=minimum_count if self.minimum_count is None else self.minimum_count,
            maximum_vocabulary=maximum_vocabulary if self.maximum_vocabulary is None else self.maximum_vocabulary,
        )

    @property
    def is_arranged(self) -> bool:
        """Whether documents are dropped or split."""
        return (self.split_by, self.deduplicate) != ("bytes", "none")

    @property
    def kind(self) -> TokenizerKind:
        """The tokenizer of resolved options."""
        if self.tokenizer == "auto":
            raise SettingError('`tokenizer` must be resolved before it is used, but is "auto"; call `resolved`')
        return self.tokenizer


DEFAULT_OPTIONS = TextOptions()
"""All defaults."""


def _always_line(kind: TokenizerKind, line_ends: str) -> LineEnds:
    if line_ends == "paragraph":
        raise SettingError(
            f"`line_ends` must be line for the {kind} tokenizer, but is paragraph; for paragraphs, set `tokenizer` to "
            "word or subword"
        )
    return "line"


VARYING = {"variable_num_steps": False, "shuffle": "none"}
"""The settings of streams that make epochs differ, with the values that do not."""


@dataclass(frozen=True, kw_only=True)
class BatchOptions(Settings):
    """Shape and order of the training windows."""

    group: ClassVar[str] = "batching"
    task: ClassVar[str] = "batching"

    windows: Literal["streams", "successive"] = setting(
        "streams", help="Parallel streams with carried state, or successive windows without it, as in the tutorial."
    )
    batch_size: int = setting(32, help="Number of rows in a batch.", at_least=1, at_most=65_536)
    num_steps: int = setting(35, help="Number of time steps in a batch.", at_least=1, at_most=65_536)
    variable_num_steps: bool = setting(False, help="Vary the length of each window of streams around --num-steps.")
    shuffle: Literal["none", "partial"] = setting(
        "none", help="Start each row of the streams at another place in every epoch (partial), or at the same (none)."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.varied and self.windows != "streams":
            name = self.varied[0]
            raise SettingError(
                f"`{name}` needs `windows` = 'streams', but is {getattr(self, name)!r} with `windows` = "
                f"{self.windows!r}; remove it or train on streams"
            )

    @property
    def varied(self) -> list[str]:
        """Names of the settings that make epochs differ."""
        return [name for name, disabled in VARYING.items() if getattr(self, name) != disabled]
