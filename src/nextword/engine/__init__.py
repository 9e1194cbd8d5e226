"""From ids to log-probabilities, whatever runs the model underneath."""
