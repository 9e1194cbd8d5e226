"""Keras layers of which the language model is made: one public class a file."""

from nextword.machine.memory import keep_freed_memory

# Here, since it has an effect only before the training framework starts its threads, which the first weight makes it do.
keep_freed_memory()
