"""The training wing: windows to weights."""

from nextword.machine.memory import keep_freed_memory

# Here, because it has an effect only before the training framework starts its threads.
keep_freed_memory()
