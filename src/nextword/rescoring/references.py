"""What was said, by utterance."""

from collections.abc import Mapping

from nextword.errors import TextError
from nextword.rescoring.nbest import LineSource, NbestList


class References:
    """Answers what was said in an utterance: from a table, or from the lists themselves.

    Args:
        texts: Reference by utterance; `None` to take what each list holds.
        name: What messages call the table.
    """

    def __init__(self, texts: Mapping[str, str] | None = None, *, name: str = "") -> None:
        self._texts = texts
        self._name = name
        self._used: set[str] = set()

    @classmethod
    def read(cls, source: LineSource) -> "References":
        r"""Read lines of an utterance's id, a tab and what was said.

        Raises:
            TextError: A line has no tab, an utterance is there twice, or there is none.
        """
        texts: dict[str, str] = {}
        for number, line in source:
            if not line.strip():
                continue
            utterance, tab, text = line.partition("\t")
            if not tab or "\t" in text or not utterance:
                raise source.refuse(
                    number, "there must be an utterance and what was said with one tab between them; correct the line"
                )
            if utterance in texts:
                raise source.refuse(number, f"an utterance must have one reference, but `{utterance}` has two")
            texts[utterance] = text
        if not texts:
            raise TextError(f"`{source.name}` must hold at least one reference, but is empty")
        return cls(texts, name=source.name)

    def of(self, nbest: NbestList) -> str:
        """Return what was said.

        Raises:
            TextError: It is not known.
        """
        if self._texts is None:
            if nbest.reference is None:
                raise TextError(
                    f"errors can be counted against references only, but `{nbest.utterance}` has no `reference`; give "
                    "`--references FILE`"
                )
            return nbest.reference
        if nbest.utterance not in self._texts:
            raise TextError(
                f"`{self._name}` must have a reference for every utterance, but has none for "
                f"`{nbest.utterance}`; add it"
            )
        self._used.add(nbest.utterance)
        return self._texts[nbest.utterance]

    @property
    def num_unused(self) -> int:
        """References of utterances that were not asked for."""
        return 0 if self._texts is None else len(self._texts) - len(self._used)
