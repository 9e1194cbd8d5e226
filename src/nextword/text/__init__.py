"""Strings to ids: tokenizers, vocabularies, corpora and the memory-mapped id store."""
