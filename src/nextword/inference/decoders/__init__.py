"""Models for the decoders of other libraries."""
