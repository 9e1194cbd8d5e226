"""Lines to tokens: pre-tokens, the vocabulary, the tokenizer."""
