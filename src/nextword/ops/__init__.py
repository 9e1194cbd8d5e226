"""The arithmetic that training spends its time in: one reference for every backend, and a fast path for each place."""
