"""The Keras layers of the language model."""

from nextword.system.framework import keep_freed_memory, require_jax

# Before JAX starts its threads, which it does for the first weight. Training calls it earlier, before it imports Keras.
keep_freed_memory()
require_jax()
