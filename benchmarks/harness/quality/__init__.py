"""The perplexity that nextword and its peers reach in the same minutes on the same machine."""
