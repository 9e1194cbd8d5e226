"""How fast training is, beside its peers and beside what the processor could do."""
