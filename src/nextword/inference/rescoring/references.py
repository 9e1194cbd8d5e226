"""The reference transcripts, by utterance."""

from collections.abc import Mapping

from nextword.errors import TextError
from nextword.inference.rescoring.nbest import LineSource, NbestList


class References:
    """The reference of each utterance, from a table or from the n-best lists themselves.

    Args:
        texts: Reference by utterance; `None` to use the references in the lists.
        name: Name of the table in messages.
    """

    def __init__(self, texts: Mapping[str, str] | None = None, *, name: str = "") -> None:
        self._texts = texts
        self._name = name
        self._used: set[str] = set()

    @classmethod
    def read(cls, source: LineSource) -> "References":
        r"""Read lines of the form utterance id, tab, reference.

        Raises:
            TextError: A line does not have this form, an utterance is repeated, or there are no lines.
        """
        texts: dict[str, str] = {}
        for number, line in source:
            if not line.strip():
                continue
            utterance, tab, text = line.partition("\t")
            if not tab or "\t" in text or not utterance:
                raise source.refuse(
                    number,
                    "a line must have an utterance and a reference separated by one tab, but does not; correct it",
                )
            if utterance in texts:
                raise source.refuse(
                    number, f"an utterance must have one reference, but `{utterance}` has two; leave one out"
                )
            texts[utterance] = text
        if not texts:
            raise TextError(f"`{source.name}` must have at least one reference, but is empty; give another file")
        return cls(texts, name=source.name)

    def of(self, nbest: NbestList) -> str:
        """Return the reference of a list.

        Raises:
            TextError: There is none.
        """
        if self._texts is None:
            if nbest.reference is None:
                raise TextError(
                    f"every utterance must have a `reference` to count errors, but `{nbest.utterance}` has none; give "
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
        """Number of references without a list."""
        return 0 if self._texts is None else len(self._texts) - len(self._used)
