"""An engine in, answers out: scores, suggestions, text, evaluations."""
