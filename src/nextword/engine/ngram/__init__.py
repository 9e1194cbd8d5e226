"""Counts of short sequences of tokens, the Kneser-Ney model made of them, and its mixture with a network."""
