"""Scores of lines and of the words in them, and the words nearest to a word."""
