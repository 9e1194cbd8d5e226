"""Keras layers of which the language model is made: one public class a file."""

from nextword.machine.setup import keep_freed_memory

# Here, since it has an effect only before the training framework starts its threads, at the first weight that it makes.
keep_freed_memory()
