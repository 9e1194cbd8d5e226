"""Files, cache, cores, memory and the training framework.

Training frameworks are imported only when a function needs them.
"""
