"""What is mixed with a network: an n-gram model, and a cache of recent tokens."""
