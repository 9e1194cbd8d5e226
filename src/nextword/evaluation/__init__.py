"""Is a model good? Perplexity, accuracy, and its predictions beside what a text really says."""
