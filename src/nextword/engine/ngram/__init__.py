"""N-gram models: counts, modified Kneser-Ney smoothing, ARPA files, and the mixture with a network."""
