"""Counts of short sequences of tokens, and the Kneser-Ney model made of them."""
