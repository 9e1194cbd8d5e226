"""How low a perplexity nextword and its peers reach in the same minutes on the same machine."""
