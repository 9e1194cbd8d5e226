"""Whether EleutherAI's `lm_eval` finds the same log-probabilities through the service as nextword itself."""
