"""Scores of lines, candidates for a gap, surprising lines, and vectors of lines and words."""
