"""A training run from text to bundle, in a directory of its own."""
