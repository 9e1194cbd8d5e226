"""Speed of an exported model beside PyTorch: a step, many sentences, a cold start, a key press."""
