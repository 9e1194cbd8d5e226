"""N-gram models: counts, modified Kneser-Ney smoothing, and ARPA files."""
