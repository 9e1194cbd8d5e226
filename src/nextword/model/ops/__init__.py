"""The operations that dominate training time, in JAX."""
