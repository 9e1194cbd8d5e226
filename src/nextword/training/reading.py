"""Reads the text of a run, without the training framework, and reports on it."""

from nextword.text.corpus import Corpus
from nextword.text.reading.progress import reporting_to
from nextword.text.sources.find import TextLike
from nextword.training.config import RunConfig
from nextword.training.context import RunContext


def load_corpus(text: TextLike | Corpus, config: RunConfig, context: RunContext) -> Corpus:
    """Read the text of a run, and report on it."""
    corpus = read_corpus(text, config, context)
    for remark in corpus.report.remarks():
        context.say(remark)
    for sentence in corpus.report.describe():
        context.detail(sentence)
    return corpus


def read_corpus(text: TextLike | Corpus, config: RunConfig, context: RunContext) -> Corpus:
    """Read the text of a run; a corpus is returned as it is."""
    if isinstance(text, Corpus):
        return text
    with reporting_to(context.reading):
        return Corpus.load(text, config.text, data_dir=context.data_dir, cache_dir=context.cache_dir)
