"""Texts to token ids on disk.

Words for parts of a text, from the largest to the smallest, used in this sense everywhere:

| word | what it is |
|---|---|
| text | all that a user names: files, rows or splits |
| split | its part for training, validation or the test |
| document | a file, a record, a row or a paragraph: what is dropped, shuffled or split as a whole |
| shard | some 32 MB of a split, which one process reads |
| line | what is between two line ends of a plain file |
| segment | what one `<eos>` ends: a line, or the lines of a paragraph joined by spaces |
| pre-token | what is looked up in the vocabulary: a word, a mark or a character; for subwords, what is split further |
| unit | what a shard numbers before a vocabulary is known: a pre-token; for subwords, a run without spaces |
| token | what has an id: a pre-token in the vocabulary, a subword, `<unk>` or `<eos>` |

    sources    what a user names -> ranges of plain files          reading    bytes -> lines, counted
    encoding   lines -> ids on disk, in several processes          tokens     pre-tokens, vocabulary, tokenizer, `<eos>`
    batching   ids -> windows
"""
