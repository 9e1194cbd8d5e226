"""From a text to the counts that Kneser-Ney smoothing is made of.

`<eos>` ends a sentence and begins the next. It may stand first in an n-gram, as what a sentence begins after, or last,
as its end, and never between:

    text              a  b  #  a  c  #            # is <eos>
    read as        #  a  b  #  a  c  #
    of length 2      #a ab b# #a ac c#
    of length 3        #ab ab#  #ac ac#
"""

from dataclasses import replace

import numpy as np

from nextword.batching.window import TokenIds
from nextword.ngram.count_table import ABSENT, CountTable


def count_ngrams(ids: TokenIds, order: int, *, vocabulary_size: int, end_id: int) -> list[CountTable]:
    """Return the n-grams of a text `(N,)`, of all lengths from 1 to `order`, with the counts of Kneser and Ney.

    The longest count by how often they stand in the text, the shorter by how many different tokens stand before them.
    Those that begin with `<eos>` have nothing before them, and count by how often they stand in the text.
    """
    read = np.concatenate(([end_id], ids)).astype(np.int64)
    singles = np.bincount(ids, minlength=vocabulary_size)
    tables = [CountTable(vocabulary_size, np.arange(vocabulary_size), singles)]
    numbers = read  # of the n-gram of the current length that ends at each position
    after_end = np.zeros(vocabulary_size, bool)  # which n-grams of the current length begin with `<eos>`
    for length in range(2, order + 1):
        contexts = np.concatenate(([ABSENT], numbers[:-1]))
        if length > 2:
            contexts[1:][read[:-1] == end_id] = ABSENT
        whole = np.flatnonzero(contexts != ABSENT)
        keys, firsts, places, counts = np.unique(
            contexts[whole] * vocabulary_size + read[whole], return_index=True, return_inverse=True, return_counts=True
        )
        shorter, longer = tables[-1], CountTable(vocabulary_size, keys, counts)
        num_before = np.bincount(numbers[whole[firsts]], minlength=len(shorter.keys))
        tables[-1] = replace(shorter, counts=np.where(after_end, shorter.counts, num_before))
        tables.append(longer)
        after_end = longer.contexts == end_id if length == 2 else after_end[longer.contexts]
        numbers = np.full(len(read), ABSENT)
        numbers[whole] = places
    return tables
