"""Text generation: sampling, beam search, and conversion of tokens to text."""
