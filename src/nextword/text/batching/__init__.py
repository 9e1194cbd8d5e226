"""Batches of token ids, cut with NumPy."""
