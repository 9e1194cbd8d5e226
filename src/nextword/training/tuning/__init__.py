"""Sweeps: many short training runs with different settings on one text, compared by validation perplexity."""
