"""How fast a model answers, beside PyTorch: a step, many sentences, a cold start, a key press."""
