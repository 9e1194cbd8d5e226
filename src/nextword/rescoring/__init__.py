"""The hypotheses of a recognizer, reordered."""
