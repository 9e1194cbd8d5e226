"""The machine that training runs on: its hardware, its software, and what nextword sets up on it.

Training frameworks are imported only when a function needs them.
"""
