"""Rescoring of a recognizer's hypotheses with a language model."""
