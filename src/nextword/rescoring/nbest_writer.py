"""N-best lists written out again, the best first, in the format in which they came."""

import json
from collections.abc import Iterator

from nextword.rescoring.hypothesis_scores import ScoredList
from nextword.rescoring.nbest import LOG_PROB, RANK, TEXT, TOTAL, UTTERANCE, NbestFormat
from nextword.rescoring.weights import RescoringWeights

_DIGITS = 6


def header_of(given: NbestFormat) -> Iterator[str]:
    """Yield the first line of the output, where the input had one."""
    if given.kind == "tsv" and given.has_header:
        yield "\t".join((*given.columns, LOG_PROB, TOTAL, RANK))


def lines_of(scored: ScoredList, weights: RescoringWeights, given: NbestFormat) -> Iterator[str]:
    """Yield the hypotheses of an utterance, the best first, each as it came with three columns more.

    These are the model's log-probability, the total and the rank, 1 the best. Hypotheses with one total stay in the
    order in which they came.
    """
    for rank, (place, total) in enumerate(weights.ranking(scored.features()), start=1):
        record = scored.nbest.hypotheses[place].record
        log_prob = float(scored.log_probs[place])
        if given.kind == "jsonl":
            added = {LOG_PROB: round(log_prob, _DIGITS), TOTAL: round(total, _DIGITS), RANK: rank}
            yield json.dumps({**record, **added}, ensure_ascii=False, allow_nan=False)
        else:
            cells = [*(record[name] for name in given.columns), f"{log_prob:.{_DIGITS}f}", f"{total:.{_DIGITS}f}"]
            yield "\t".join([*cells, str(rank)])


def best_line(scored: ScoredList, weights: RescoringWeights, given: NbestFormat) -> str:
    """Return the utterance and its best hypothesis alone."""
    best = scored.nbest.hypotheses[weights.ranking(scored.features())[0][0]]
    if given.kind == "jsonl":
        return json.dumps({UTTERANCE: scored.nbest.utterance, TEXT: best.text}, ensure_ascii=False)
    return f"{scored.nbest.utterance}\t{best.text}"
