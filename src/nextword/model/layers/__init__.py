"""The Keras layers of the language model."""

from nextword.machine.framework import keep_freed_memory

# Must run before the training framework starts its threads, which it does when it creates the first weight.
keep_freed_memory()
