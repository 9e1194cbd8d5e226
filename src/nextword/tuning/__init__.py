"""Sweeps over settings: many short runs on one text, compared by their validation perplexity."""
