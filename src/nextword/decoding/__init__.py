"""The model inside a decoder: adapters, and a small beam search of our own."""
