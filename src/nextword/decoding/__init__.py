"""The model inside a decoder: adapters."""
